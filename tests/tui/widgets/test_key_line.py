"""The last line: the page's keys in one order; help and the way out are always there."""

from __future__ import annotations

from textual.widgets._footer import FooterKey

from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, shown, text, until
from tui.app import ShadowApp
from tui.widgets.key_line import KeyLine


async def test_what_does_not_fit_is_left_out_and_comes_back(adapter: object) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, NARROW) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: text(pilot).splitlines()[-1].endswith("^q Quit f1 Help"))
        few = app.screen.query_one(KeyLine).query(FooterKey)
        assert sum(key.size.width + 1 for key in few) <= NARROW[0] + 1
        await pilot.resize_terminal(*WIDE)
        many = lambda: [key.action for key in app.screen.query_one(KeyLine).query(FooterKey)]  # noqa: E731
        await until(pilot, lambda: "open" in many())
        before = many()
        assert text(pilot).splitlines()[-1].startswith(" ^t Mode")  # the edge of every page
        await press(pilot, "escape")  # the focus is elsewhere, the keys are not
        await pilot.pause()
        await until(pilot, lambda: many() == before)
