"""Runs for Home, and what it shows of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import DataTable

from shadow_mlx.runs.events import Event
from tests.runs.fake_run import started, story, trained, write_story
from tui.screens.home import HomePage
from tui.widgets.tables import chosen


def write(place: Path, name: str, age: int, events: list[Event] | None = None) -> Path:
    folder = write_story(place / name, events or story(), {"data": "orders.jsonl", "rank": 4})
    os.utime(folder / "run" / "events.jsonl", (2e9 - age, 2e9 - age))
    return folder


def three_runs(own_place: Path) -> Path:
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
