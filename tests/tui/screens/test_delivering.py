"""What takes a while on the page of what comes after training."""

from __future__ import annotations

from pathlib import Path

from tests.tui.support import FAKE_WORKER, WIDE, press, sees, shown, told, until, words
from tests.tui.test_deliver import opened, row
from tui.app import ShadowApp
from tui.screens.uploading import UploadDialog


async def test_steps_are_shown_and_escape_stops(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await opened(pilot)
        row(pilot, "export", "output").value = "long"
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "✔ reading the shadow … writing" in words(pilot))
        await sees(pilot, "exporting (esc stops)")
        assert "deliver" in app.unsaved  # leaving asks
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "Still at work" in told(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "■ stopped; nothing was written" in words(pilot))
        assert app.unsaved == {}


async def test_how_far_an_upload_is_takes_one_line(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "p", "enter", *"slow/x", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UploadDialog))
        await press(pilot, "y")
        now = "✔ listing files … uploading to slow/x: file 3 of 3, 500,000 bytes"
        await until(pilot, lambda: now in words(pilot))
        assert "250,000" not in words(pilot)
