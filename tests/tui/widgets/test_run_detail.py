"""What stands beside the list of runs."""

from __future__ import annotations

from pathlib import Path

from tests.tui.at_home import here, home
from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, shown, until, words
from tui.app import ShadowApp


async def test_beside_the_list_stands_more_about_the_run(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await until(pilot, lambda: "valid o attached" in words(pilot))  # the chart's legend
        await until(pilot, lambda: "--rank 4" in words(pilot))
        for part in ("300 of 300 steps of 8", "please bring me cup 1", "✔ attached", "Enter opens"):
            assert part in words(pilot)
        await press(pilot, "down")
        await until(pilot, lambda: "The run ended after step 10" in words(pilot))
        assert "please bring me" not in words(pilot)


async def test_a_narrow_screen_has_the_list_alone(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), NARROW) as pilot:
        await until(pilot, lambda: here(pilot) == "new")
        await pilot.pause()
        assert "--rank 4" not in words(pilot)
        assert not home(pilot).query_one("#detail").display
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: "--rank 4" in words(pilot))
