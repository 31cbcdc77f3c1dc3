"""Fields that take a path complete it, wherever they stand."""

from __future__ import annotations

from pathlib import Path

from tests.tui.support import FAKE_WORKER, WIDE, completes, press, shown, until
from tui.app import ShadowApp
from tui.widgets.field import Field


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
