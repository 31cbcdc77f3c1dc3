"""The last line: the page's keys in one order; help and the way out are always there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, shown, text, until
from tui.app import ShadowApp
from tui.widgets.key_line import KeyLine


def last_line(pilot: Pilot[Any]) -> str:
    return (text(pilot).splitlines() or [""])[-1]


async def test_what_does_not_fit_is_left_out_and_comes_back(adapter: object) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, NARROW) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: last_line(pilot).endswith("^q Quit f1 Help"))
        line = app.screen.query_one(KeyLine)
        assert sum(key.width + 1 for key in line.keys) <= NARROW[0]  # with the edge, without a gap
        await pilot.resize_terminal(*WIDE)
        many = lambda: [key.binding.action for key in line.keys]  # noqa: E731
        await until(pilot, lambda: "open" in many())
        before = many()
        assert last_line(pilot).startswith(" ^t Mode")  # the edge of every page
        await press(pilot, "escape")  # the focus is elsewhere, the keys are not
        await pilot.pause()
        await until(pilot, lambda: many() == before)


async def test_a_click_presses_the_key_and_the_pointer_says_what_it_does(place: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        app.show_run(place / "new")
        await until(pilot, lambda: "t Again" in last_line(pilot))
        line = app.screen.query_one(KeyLine)
        for key in line.keys:
            start = last_line(pilot).index(f"{key.display} {key.binding.description}")
            places = range(start - 1, start + key.width + 1)
            assert [line.at(x) is key for x in places] == [False, *[True] * key.width, False]
        explained = next(key for key in line.keys if key.binding.tooltip)
        bare = line.render()
        await pilot.hover(KeyLine, (last_line(pilot).index(explained.binding.description), 0))
        assert line.tooltip == explained.binding.tooltip
        assert line.render() != bare
        await pilot.hover(KeyLine, (0, 0))
        assert line.tooltip is None
        assert line.render() == bare
        await pilot.click(KeyLine, (last_line(pilot).index("f1 Help"), 0))
        await until(pilot, lambda: app.screen is not line.screen)
        assert "# A run" not in text(pilot)
        assert "A run" in text(pilot)
