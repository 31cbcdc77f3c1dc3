from __future__ import annotations

from tests.tui.support import shown, text
from tui.app import ShadowApp
from tui.widgets.fact_list import FactList


async def test_a_line_for_each_with_its_value_at_the_right_edge_and_no_room_without_any() -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        await app.screen.mount(found := FactList(), before=0)
        found.styles.width = 40
        assert not found.display
        found.show([("left", "15 s"), ("ends at", "12:01")])
        await pilot.pause()
        assert found.size.height == 2
        top = found.region.y
        lines = text(pilot).splitlines()[top : top + 2]
        assert [line[:39].split() for line in lines] == [
            ["left", "15", "s"],
            ["ends", "at", "12:01"],
        ]
        assert {len(line[:39].rstrip()) for line in lines} == {39}
        found.show([])
        await pilot.pause()
        assert not found.display
