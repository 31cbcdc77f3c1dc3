"""What is shown before an upload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot

from shadow_mlx.config import PushConfig
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tests.tui.fake_worker import CARD
from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, sees, shown, text, until, words
from tui.app import ShadowApp
from tui.screens.uploading import UploadDialog

FILES = {"README.md": 1_000, "model.safetensors": 1_000_000}


def found(card: str = CARD, notes: tuple[str, ...] = ()) -> m.Published:
    return m.Published(1, "me/robot", "model", FILES, list(notes), card)


async def pages(pilot: Pilot[Any], key: str, there: Callable[[], bool]) -> None:
    """Press a key until one is there; each press moves on from where the last one has led."""
    for _ in range(30):
        if there():
            return
        await press(pilot, key)
        await pilot.pause(0.3)
    await until(pilot, there, 1.0)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_files_card_and_answers_are_all_within_reach(size: tuple[int, int]) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, size) as pilot:
        app.push_screen(UploadDialog(found(), PushConfig(repo="me/robot")))
        await until(pilot, lambda: "library_name: mlx" in words(pilot))
        await sees(pilot, "This model would go to me/robot (public, if it is new)")
        assert "model.safetensors      1.0 MB" in text(pilot)
        assert "Upload (y) Cancel (esc)" in words(pilot)
        seen = app.screen.query_one(VerticalScroll)
        await pages(pilot, "pagedown", lambda: "line 40 of the card" in words(pilot))
        await until(pilot, lambda: seen.scroll_y == seen.max_scroll_y > 0)
        await pages(pilot, "pageup", lambda: seen.scroll_y == 0)
        await press(pilot, "down", "up")
        await until(pilot, lambda: seen.scroll_y == 0)


async def test_a_card_does_not_drive_the_terminal() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        app.push_screen(UploadDialog(found(), PushConfig(repo="me/robot")))
        await until(pilot, lambda: visible("\x1b[31mwhat people ask") in words(pilot))


async def test_notes_are_told_and_no_card_is_said() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        reply = found("", ("there is no README.md",))
        app.push_screen(UploadDialog(reply, PushConfig(repo="me/robot", private=True)))
        await until(pilot, lambda: "! there is no README.md" in words(pilot))
        await until(pilot, lambda: "There is no model card." in words(pilot))
        await sees(pilot, "(private, if it is new)")


async def test_a_dry_run_cannot_be_uploaded() -> None:
    answers: list[str | None] = []
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        config = PushConfig(repo="me/robot", dry_run=True)
        app.push_screen(UploadDialog(found(), config), answers.append)
        await until(pilot, lambda: "Cancel (esc)" in words(pilot))
        assert "Upload (y)" not in words(pilot)
        await press(pilot, "y", "enter")
        await until(pilot, lambda: answers == [None])


@pytest.mark.parametrize(("keys", "answer"), [(("enter",), None), (("escape",), None)])
async def test_what_is_nearest_uploads_nothing(keys: tuple[str, ...], answer: str | None) -> None:
    answers: list[str | None] = []
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        app.push_screen(UploadDialog(found(), PushConfig(repo="me/robot")), answers.append)
        await until(pilot, lambda: "Cancel (esc)" in words(pilot))
        await press(pilot, *keys)
        await until(pilot, lambda: answers == [answer])


async def test_the_button_uploads() -> None:
    answers: list[str | None] = []
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        app.push_screen(UploadDialog(found(), PushConfig(repo="me/robot")), answers.append)
        await until(pilot, lambda: "Upload (y)" in words(pilot))
        await pilot.click("#answer-upload")
        await until(pilot, lambda: answers == ["upload"])
