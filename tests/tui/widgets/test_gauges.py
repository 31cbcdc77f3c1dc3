from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import Segment

from shadow_mlx.runs.curves import RunFold
from tests.runs.fake_run import started, trained, write_story
from tests.tui.support import NARROW, WIDE, shown, until, words
from tui.app import ShadowApp
from tui.widgets.gauges import BESIDE, Gauges


@pytest.mark.parametrize("width", [30, BESIDE + 2])
async def test_each_chart_has_a_name_a_value_and_a_history(own_place: Path, width: int) -> None:
    fold = RunFold()
    for event in (started(100), *map(trained, range(10, 50, 10))):
        fold.add(event)
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        gauges = Gauges()
        await app.screen.mount(gauges)
        gauges.styles.width, gauges.styles.height = width, 16
        gauges.show(fold.snapshot(), last=100)
        await pilot.pause()
        lines = gauges.render()._lines
        shown_lines = ["".join(piece.text for piece in line) for line in lines]
        assert {Segment.get_line_length(line) for line in lines} == {gauges.size.width}
        assert len(lines) == 16
        two = width > BESIDE
        heads = [line for line in shown_lines if "learning rate" in line or "memory" in line]
        assert [line.split()[-1] for line in heads] == (
            ["0.8", "peak"] if two else ["3.00e-03", "peak"]
        )
        drawn = [line.rstrip() for line in shown_lines if "\u2800" <= line.strip()[:1] <= "\u28ff"]
        assert drawn
        if not two:  # the run is not at its end
            assert all(len(line) < gauges.size.width / 2 for line in drawn)


async def test_on_a_narrow_screen_they_are_figures_in_a_row(own_place: Path) -> None:
    folder = write_story(own_place / "mine", [started(100), trained(10)])
    app = ShadowApp()
    async with shown(app, NARROW) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "learning rate 3.00e-03 · gradient norm 0.8" in words(pilot))
        assert not app.screen.query_one(Gauges).display
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: app.screen.query_one(Gauges).display)
        assert "learning rate 3.00e-03 · " not in words(pilot)
