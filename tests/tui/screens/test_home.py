"""Home as a list that one works in: filter and order."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import DataTable

from shadow_mlx.runs.labels import labels_of
from tests.tui.at_home import here, home, rows
from tests.tui.support import FAKE_WORKER, press, shown, text, until, words
from tui.app import ShadowApp


async def test_it_is_filtered_by_typing_and_all_come_back(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await until(pilot, lambda: rows(pilot) == ["new", "cut", "old"])
        await press(pilot, "slash", *"inter")
        await until(pilot, lambda: rows(pilot) == ["cut"])
        assert "1 of 3 runs with “inter” (Escape shows all)" in words(pilot)
        await press(pilot, "enter")
        assert isinstance(home(pilot).focused, DataTable)
        await press(pilot, "m")  # keys of the run work beside a filter
        await until(pilot, lambda: labels_of(place / "cut").marked)
        await press(pilot, "escape")
        await until(pilot, lambda: rows(pilot) == ["new", "cut", "old"])
        assert not home(pilot).query_one("#filter").display
        assert here(pilot) == "cut"
        await press(pilot, "slash", *"nothing-like-it", "enter", "c", "x")
        await until(pilot, lambda: rows(pilot) == [])
        await press(pilot, "escape")
        await until(pilot, lambda: len(rows(pilot)) == 3)


async def test_a_key_goes_through_the_columns(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await until(pilot, lambda: "Changed ↓" in text(pilot))
        await press(pilot, "down")
        assert here(pilot) == "cut"
        seen = []
        for _ in range(7):
            await press(pilot, "s")
            assert here(pilot) == "cut"
            arrows = [
                part
                for part in (
                    "State ↑",
                    "Run ↑",
                    "Steps ↓",
                    "Best loss ↑",
                    "Model ↑",
                    "the marked ones first",
                    "Changed ↓",
                )
                if part in text(pilot)
            ]
            seen += arrows
        assert len(set(seen)) == 7
        assert rows(pilot) == ["new", "cut", "old"]


async def test_the_hint_is_not_cut_where_there_is_little_room(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await until(pilot, lambda: rows(pilot) == ["new", "cut", "old"])
        await until(pilot, lambda: "3 runs, the newest first · Enter opens one" in words(pilot))
        assert "s sorts · F1 help" in text(pilot)
