from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.fake_run import story, write_story
from tests.tui.support import press, shown, text, told, until, words
from tui.app import ShadowApp
from tui.screens.overlays import OverlayDialog
from tui.widgets.chart import LossChart


@pytest.fixture
def runs(own_place: Path) -> Path:
    for name in ("four", "three", "two", "one", "mine"):  # the newest first, by their names
        write_story(own_place / name, story(100))
    return own_place / "mine"


async def chosen(runs: Path, *rounds: tuple[str, ...]) -> list[list[str]]:
    """What is laid over the run after each time that the dialog was used."""
    app, found = ShadowApp(), []
    async with shown(app) as pilot:
        app.show_run(runs)
        await until(pilot, lambda: "★" in words(pilot))
        page = app.screen
        for keys in rounds:
            await press(pilot, "o")
            await until(pilot, lambda: isinstance(app.screen, OverlayDialog))
            await press(pilot, *keys)
            await until(pilot, lambda: app.screen is page)
            await until(pilot, lambda: not any(one.group == "overlay" for one in app.workers))
            found.append([one.name for one in page.query_one(LossChart)._overlays])
    return found


async def test_typing_finds_and_enter_shows_what_is_found(runs: Path) -> None:
    assert await chosen(runs, ("t", "h", "enter")) == [["three"]]


async def test_runs_are_marked_in_the_order_that_one_wants(runs: Path) -> None:
    marked = (*"four", "space", *["backspace"] * 4, *"two", "space", "enter")
    assert await chosen(runs, marked) == [["four", "two"]]


async def test_what_is_shown_is_marked_and_can_be_taken_away(runs: Path) -> None:
    both = (*"three", "space", *["backspace"] * 5, *"one", "space", "enter")
    away = (*"three", "space", *["backspace"] * 5, "enter")
    last = (*"one", "space", *["backspace"] * 3, "enter")
    assert await chosen(runs, both, ("enter",), away, last) == [
        ["three", "one"], ["three", "one"], ["one"], [],
    ]  # fmt: skip


async def test_escape_leaves_it_as_it_was(runs: Path) -> None:
    assert await chosen(runs, ("t", "w", "enter"), ("space", "escape")) == [["two"], ["two"]]


async def test_there_is_room_for_three(runs: Path) -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        app.show_run(runs)
        await until(pilot, lambda: "★" in words(pilot))
        await press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, OverlayDialog))
        await press(pilot, *["space", "down"] * 4)
        assert "No more than 3" in words(pilot)
        assert [text(pilot).count(f"[{number}]") for number in (1, 2, 3)] == [1, 1, 1]
        assert text(pilot).count("[ ]") == 1
        await press(pilot, *"zzz")
        assert "No run here is called so." in words(pilot)
        await press(pilot, "space")  # nothing to mark
        assert isinstance(app.screen, OverlayDialog)


async def test_without_another_run_it_says_so(own_place: Path) -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        app.show_run(write_story(own_place / "mine", story(100)))
        await until(pilot, lambda: "★" in words(pilot))
        await press(pilot, "o")
        await until(pilot, lambda: "There is no other run" in told(pilot))
