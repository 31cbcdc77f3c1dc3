"""Keys that come faster than the pages they lead to: each waits for what the last one did."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

PATIENCE = 1.0
"""Seconds after which a key no longer waits: what the last one began takes its time."""
ANSWER_SECONDS = 0.05
"""How long one part of the page is waited for; it may be about to go."""


class TypeAhead:
    """Hands events to the application in order, a key only when the last one has had its effect.

    Without it, an Enter and the letters behind it that arrive together are handled by different
    widgets at the same time: letters go to a dialog that closes, or a field is cleared of them.

    Args:
        app: The application.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._events: deque[Message] = deque()
        self._task: asyncio.Task[None] | None = None
        self._typed = False

    def put(self, event: Message) -> None:
        """Take an event; for the application's own thread."""
        self._events.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        while self._events:
            if self._typed:
                await settled(self._app)
                self._typed = False
            event = self._events.popleft()
            if isinstance(event, events.Key | events.Paste):
                self._typed = True
                # A report that the focus went elsewhere was no true one: somebody types here.
                self._app.app_focus = True
            self._app.post_message(event)


async def settled(app: App[Any]) -> None:
    """Wait until nothing is left of what the last event set going, or patience ends."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while app.is_running and loop.time() < end:
        path = _path(app)
        for part in (*path, *reversed(path)):  # down to the field, and up again with its messages
            if not await _answers(part):
                break
        else:
            if path == _path(app) and not any(part.message_queue_size for part in path):
                return


def _path(app: App[Any]) -> Sequence[MessagePump]:
    """Where a key goes: the application, the screen, and down to the widget with the focus."""
    if not app.screen_stack:
        return (app,)
    lowest = app.focused or app.screen
    return (app, *reversed([node for node in lowest.ancestors_with_self if node is not app]))


async def _answers(part: MessagePump) -> bool:
    """Whether a part has handled all that it was sent before now."""
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer() -> None:
        if not answered.done():
            answered.set_result(None)

    if not part.call_later(answer):
        return False
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await answered
    except TimeoutError:
        return False
    return True
