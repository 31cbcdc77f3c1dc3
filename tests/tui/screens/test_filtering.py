"""A list that is narrowed by typing: which keys there are when, on both pages that have one."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import DataTable

from tests.tui.support import FAKE_WORKER, press, shown, text, until, words
from tui.app import ShadowApp
from tui.screens.filtering import FilteredPage


def listed(pilot: Pilot[Any]) -> list[str]:
    table = pilot.app.screen.query_one(DataTable)
    return [str(table.get_row_at(row)[0]) for row in range(table.row_count)]


async def test_models_are_filtered_by_typing_and_all_come_back() -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: listed(pilot) == ["sprout", "Qwen3-4bit", "Talkie"])
        await press(pilot, "slash", *"QWEN")  # the name of one, the architecture of two
        await until(pilot, lambda: listed(pilot) == ["sprout", "Qwen3-4bit"])
        await press(pilot, "space", *"4-bit")
        await until(pilot, lambda: listed(pilot) == ["Qwen3-4bit"])
        assert "340 MB" in words(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen.focused, DataTable)
        assert "qwen 4-bit" in text(pilot).lower()  # what is filtered by is still to be seen
        await press(pilot, "slash", *"x")
        await until(pilot, lambda: listed(pilot) == [])
        assert "No model here has all of these words: Escape shows all" in words(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: len(listed(pilot)) == 3)
        assert not pilot.app.screen.query_one("#filter").display


async def test_there_is_no_field_where_there_is_nothing_to_filter() -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        page = pilot.app.screen
        assert isinstance(page, FilteredPage)
        assert not page.listed
        await press(pilot, "slash")
        assert not page.query_one("#filter").display
        await press(pilot, "2")
        await until(pilot, lambda: len(listed(pilot)) == 3)
        await press(pilot, "slash", "slash")
        assert pilot.app.screen.wanted == "/"
        await press(pilot, "enter", "ctrl+u")
        assert pilot.app.screen.wanted == "/"  # the list has the keys
