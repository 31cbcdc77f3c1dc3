"""Driving the app in tests: run it at a size, wait for conditions, read the screen."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tui.app import ShadowApp
from tui.input.typeahead import settled
from tui.widgets.verdict_line import VerdictLine

PATIENCE = 120.0  # seconds; only a test that fails waits so long
LIMIT = 300.0  # seconds for a whole test: the pilot, too, may wait for what never comes
NARROW, WIDE = (80, 24), (160, 50)
ROOT = Path(__file__).resolve().parents[2]
FAKE_WORKER = [sys.executable, "-m", "tests.tui.fake_worker"]
FAKE_SERVER = [sys.executable, "-m", "tests.tui.fake_server"]
FAKE_TRAIN = [sys.executable, "-m", "tests.runs.fake_run"]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test of the UI; one that hangs fails, with the place where it waited."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT):
            await test

    asyncio.run(limited())


@asynccontextmanager
async def shown(app: ShadowApp, size: tuple[int, int] = NARROW) -> Any:
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        try:
            yield pilot
        finally:  # children end while their loop is still there, which waits for who reads them
            await app.close_children()


async def until(pilot: Pilot[Any], condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Let the app work until the condition holds; fail with the screen when it never does."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("the condition never held; the screen:\n" + text(pilot))
        await pilot.pause(0.02)
    return value


def text(pilot: Pilot[Any]) -> str:
    """What stands on the screen."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def footer(pilot: Pilot[Any]) -> str:
    """The last line, which follows what the page says a moment later: wait for it."""
    return text(pilot).splitlines()[-1]


def words(pilot: Pilot[Any]) -> str:
    """What stands on the screen, however its lines were broken."""
    return " ".join(text(pilot).split())


def picture(app: ShadowApp, title: str) -> str:
    """The screen as an SVG of its own: no font from the network, no ids that vary."""
    svg = app.export_screenshot(title=title, simplify=True)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"terminal-\d+", "terminal", svg)


def verdict(pilot: Pilot[Any]) -> str:
    """What the training form says of the run: its three lines, or what is wrong; and the button."""
    lines = [
        " ".join(filter(None, (one.sign, one.about, one.said)))
        for one in pilot.app.screen.query(VerdictLine)
        if one.is_on_screen
    ]
    others = [str(one.render()) for one in pilot.app.screen.query("#problems, #ready")]
    return " ".join(" ".join([*lines, *others]).split())


async def judged(pilot: Pilot[Any], *parts: str) -> None:
    """Wait until the training form says all of it."""
    await until(pilot, lambda: all(part in verdict(pilot) for part in parts))


async def sees(pilot: Pilot[Any], *parts: str) -> None:
    """Wait until all of it stands on the screen, which is drawn part by part."""
    await until(pilot, lambda: all(part in words(pilot) for part in parts))


def told(pilot: Pilot[Any]) -> str:
    """The messages in the corner."""
    return "\n".join(note.message for note in pilot.app._notifications)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Keys as the terminal's driver hands them on, each once the last one has had its effect.

    The pilot alone waits after each until the processor has been idle for a while, twice.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textual.app.wait_for_idle", lambda _: settled(pilot.app))
        await pilot.press(*keys)
    await pilot.pause()


async def say(pilot: Pilot[Any], message: str) -> None:
    """Type a message, and send it."""
    await press(pilot, *("space" if letter == " " else letter for letter in message), "enter")


async def completes(pilot: Pilot[Any], field: Input, name: str, before: str = "") -> None:
    field.focus()
    await pilot.pause()  # it selects what is in it
    field.value = before
    field.cursor_position = len(before)
    await press(pilot, *("minus" if letter == "-" else letter for letter in name[:2]))
    await until(pilot, lambda: field._suggestion)
    await press(pilot, "right")
    assert field.value == f"{before}{name}/"


def write_adapter(folder: Path) -> Path:
    """What the UI takes for a trained adapter, as long as no model is loaded with it."""
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "events.jsonl").write_text("")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


Test = Callable[..., Awaitable[None]]
