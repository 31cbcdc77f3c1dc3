"""Home as a list that one works in: filter, order, labels, discarding, and what stands beside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from shadow_mlx.runs.events import Event
from shadow_mlx.runs.labels import labels_of
from tests.runs.fake_run import started, story, trained, write_story
from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, shown, text, told, until, words
from tui.app import ShadowApp
from tui.screens.dialogs import Choice
from tui.screens.home import HomePage
from tui.widgets.tables import chosen


def write(place: Path, name: str, age: int, events: list[Event] | None = None) -> Path:
    folder = write_story(place / name, events or story(), {"data": "orders.jsonl", "rank": 4})
    os.utime(folder / "run" / "events.jsonl", (2e9 - age, 2e9 - age))
    return folder


@pytest.fixture
def place(own_place: Path) -> Path:
    """Three runs, the newest of which is called ``new``."""
    write(own_place, "old", 900, story(20))
    write(own_place, "cut", 500, [started(1000), trained(10, 1000)])
    write(own_place, "new", 100)
    return own_place


def home(pilot: Pilot[Any]) -> HomePage:
    page = pilot.app.screen
    assert isinstance(page, HomePage)
    return page


def rows(pilot: Pilot[Any]) -> list[str]:
    table: DataTable[Any] = home(pilot).query_one(DataTable)
    return [Path(key.value or "").name for key in table.rows]


def here(pilot: Pilot[Any]) -> str:
    return Path(chosen(home(pilot).query_one(DataTable)) or "").name


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


async def test_names_notes_and_marks_are_kept_with_the_run(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await until(pilot, lambda: here(pilot) == "new")
        await press(pilot, "n", *"robot", "enter")
        await until(pilot, lambda: labels_of(place / "new").name == "robot")
        await press(pilot, "w", *"good", "enter")
        await press(pilot, "m")
        await until(pilot, lambda: "★ robot" in words(pilot) and "“good”" in words(pilot))
        await press(pilot, "n", "escape")  # nothing changes
        assert labels_of(place / "new").name == "robot"
        await press(pilot, "n", "backspace", "enter")
        await until(pilot, lambda: labels_of(place / "new").name == "")
        assert labels_of(place / "new").note == "good"


async def test_a_run_is_discarded_after_a_question_and_comes_back(place: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await until(pilot, lambda: here(pilot) == "new")
        assert "u" not in home(pilot).active_bindings
        await press(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await press(pilot, "enter")  # the safe answer
        assert (place / "new").exists()
        await press(pilot, "x", "y")
        await until(pilot, lambda: rows(pilot) == ["cut", "old"])
        assert not (place / "new").exists()
        assert "u brings it back" in told(pilot)
        await press(pilot, "u")
        await until(pilot, lambda: "new" in rows(pilot))
        assert (place / "new" / "run" / "events.jsonl").exists()
        assert here(pilot) == "cut"  # where it was
        await press(pilot, "x", "y")
        await until(pilot, lambda: len(rows(pilot)) == 2)
        assert len(list(place.iterdir())) == 3  # what is discarded lies hidden beside the others
    assert [path.name for path in sorted(place.iterdir())] == ["new", "old"]


async def test_beside_the_list_stands_more_about_the_run(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await until(pilot, lambda: "★ best" in words(pilot))  # the chart's legend
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


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_newcomer_sees_what_the_two_models_are(size: tuple[int, int]) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await until(pilot, lambda: "a first run, all filled in" in words(pilot))
        for part in ("attached question ──▶", "detached question ──▶", "the training form"):
            assert part in words(pilot)
        cards = home(pilot).query("Card")
        assert len(cards) == 3
        assert all(card.region.width <= 90 and card.region.right <= size[0] for card in cards)
        assert all(card.region.bottom <= size[1] - 1 for card in cards)
