"""Paints no faster than the terminal takes them.

Textual hands what it paints to a thread that writes it. A slow terminal (a serial line, a bad
connection) falls behind: first the thread's queue grows, then the application waits for it, keys
included. So when a paint has not left after a moment, the next ones are held back; what changes
meanwhile is collected, and painted once, as it then is.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

LOOK_SECONDS = 0.02


def takes_more(descriptor: int) -> bool:
    """Whether a terminal has room for output: no write to it is waiting."""
    try:
        return bool(select.select([], [descriptor], [], 0)[1])
    except (OSError, ValueError):  # closed, or a number that select does not take
        return True


class PaintHold:
    """Holds an application's paints back while its terminal is busy.

    Args:
        app: The application; it calls :meth:`painted` after every paint.
        ready: Tells whether the terminal takes more.
    """

    def __init__(self, app: App[Any], ready: Callable[[], bool]) -> None:
        self._app = app
        self._ready = ready
        self._looking = False
        self._hold: ExitStack | None = None
        self._lost = False

    @property
    def holding(self) -> bool:
        """Whether paints are held back now."""
        return self._hold is not None

    def painted(self) -> None:
        """There was a paint, or there would have been one."""
        self._lost |= self.holding
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self._ready():
            self._looking = False
            self._release()
            return
        if self._hold is None:
            self._hold = ExitStack()
            self._hold.enter_context(self._app.batch_update())
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _release(self) -> None:
        if self._hold is None:
            return
        self._hold.close()
        self._hold = None
        if not self._app.is_running:
            return
        if self._lost:  # Textual forgets what it does not paint during a batch
            self._lost = False
            self._app.screen.refresh()
        else:
            self._app.screen.check_idle()
