from __future__ import annotations

from pathlib import Path

from textual.widgets import Log

from shadow_mlx.runs.events import Noted
from shadow_mlx.runs.folder import RunFolder
from tests.runs.fake_run import started, story, write_story
from tests.tui.support import press, shown, until, words
from tui.app import ShadowApp


async def test_all_that_a_run_printed_is_shown_and_followed(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())
    log = RunFolder(folder).output
    log.write_text("".join(f"line {i}\n" for i in range(200)) + "\x1b[31mred\n 5%\r 10%")
    app = ShadowApp()
    async with shown(app) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "★" in words(pilot))
        await press(pilot, "L")
        await until(pilot, lambda: "line 199 ␛[31mred 10%" in words(pilot))
        with log.open("a") as file:
            file.write("\nand more\n")
        await until(pilot, lambda: "10% and more" in words(pilot))
        await press(pilot, "home")
        await until(pilot, lambda: "line 0 line 1 " in words(pilot))
        with log.open("a") as file:
            file.write("late\n")
        page = app.screen
        await until(pilot, lambda: page.query_one(Log).lines[-1] == "late")
        assert "line 0 line 1 " in words(pilot)  # one who reads is not torn away
        await press(pilot, "escape")
        await until(pilot, lambda: "★" in words(pilot))


async def test_a_run_that_printed_at_a_terminal_has_its_remarks(own_place: Path) -> None:
    folder = write_story(own_place / "mine", [started(10), Noted(0.0, "info", "three are cut")])
    app = ShadowApp()
    async with shown(app) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "three are cut" in words(pilot))
        await press(pilot, "L")
        await until(pilot, lambda: "It printed nothing here" in words(pilot))
        assert "three are cut" in words(pilot)
