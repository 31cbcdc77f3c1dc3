"""Fields that take a path complete it, wherever they stand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from shadow_mlx.config import TrainConfig
from shadow_mlx.config.option import option_info
from tests.tui.support import FAKE_WORKER, WIDE, press, shown, until
from tui.app import ShadowApp
from tui.widgets.field import Field
from tui.widgets.option_row import OptionRow

PATHS = [f.name for f in dataclasses.fields(TrainConfig) if option_info(f).kind == "path"]


@pytest.fixture
def long_name(own_place: Path) -> str:
    (own_place / "a-folder-with-a-long-name").mkdir()
    return "a-folder-with-a-long-name"


async def test_each_option_that_is_a_path_is_completed_in_the_form(long_name: str) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "4", "ctrl+a")
        everything = len(dataclasses.fields(TrainConfig))
        await until(pilot, lambda: len(app.screen.query(OptionRow)) == everything)
        rows = {row.field.name: row for row in app.screen.query(OptionRow)}
        for name, row in rows.items():
            fields = row.query(Field)
            assert [field.path for field in fields] == [name in PATHS] * len(fields)
        for name in PATHS:
            await completes(pilot, rows[name].query_one(Field), long_name)


async def test_questions_for_a_file_are_completed(long_name: str, adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: app.screen.query("Composer"))
        for key in ("ctrl+s", "ctrl+l"):
            await press(pilot, key)
            await until(pilot, lambda: len(app.screen_stack) > 1 and app.screen.query(Field))
            await completes(pilot, app.screen.query_one(Field), long_name)
            await press(pilot, "escape")


async def completes(pilot: Pilot[Any], field: Input, name: str) -> None:
    field.focus()
    field.value = ""
    await press(pilot, *("minus" if letter == "-" else letter for letter in name[:5]))
    await until(pilot, lambda: field._suggestion)
    await press(pilot, "right")
    assert field.value == f"{name}/"
