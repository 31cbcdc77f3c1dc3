"""Driving the app in tests: run it at a size, wait for conditions, read the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from tui.app import ShadowApp

PATIENCE = 120.0  # seconds; only a test that fails waits so long
NARROW, WIDE = (80, 24), (160, 50)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@asynccontextmanager
async def shown(app: ShadowApp, size: tuple[int, int] = NARROW) -> Any:
    async with app.run_test(size=size) as pilot:
        yield pilot
        # children end while their loop is still there
        await app.close_children()


async def until(pilot: Pilot[Any], condition: Callable[[], Any]) -> Any:
    """Let the app work until the condition holds; fail with the screen when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("the condition never held; the screen:\n" + text(pilot))
        await pilot.pause(0.02)
    return value


def text(pilot: Pilot[Any]) -> str:
    """What stands on the screen."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def words(pilot: Pilot[Any]) -> str:
    """What stands on the screen, however its lines were broken."""
    return " ".join(text(pilot).split())


def told(pilot: Pilot[Any]) -> str:
    """The messages in the corner."""
    return "\n".join(note.message for note in pilot.app._notifications)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


Test = Callable[..., Awaitable[None]]
