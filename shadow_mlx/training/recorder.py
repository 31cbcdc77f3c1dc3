"""Hands each event to everyone who listens: the caller, the log of the run, services.

A run is not at the mercy of those who watch it. One that raises is let go, with a note to the rest.
When the log itself cannot be written, the run is asked to stop, so that its state is saved while
that may still be possible; :attr:`Recorder.lost` then says what the run must end with.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Literal

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.runs.events import Event, Listener, Noted, PhaseChanged, PhaseName, StopToken
from shadow_mlx.runs.folder import EventLog, RunFolder

_UNHEARD = logging.getLogger(__name__)
"""Where the note of a listener's failure goes if nobody else listens; stderr by default."""


class Recorder:
    """A listener that passes events on, from any thread.

    The log is opened when the run is certain to begin (:meth:`open_log`), so that a start that
    fails leaves no trace in the folder; what was said before is written then.

    Args:
        listener: The first who listens, if anyone.
        stop: Asked to stop when the log is lost.

    Attributes:
        lost: Why the log could not be written to its end; ``None`` while it can.
    """

    def __init__(self, listener: Listener | None, stop: StopToken | None = None) -> None:
        self.lost: SurroundingsError | None = None
        self._listeners: list[Listener] = [listener] if listener else []
        self._stop = stop or StopToken()
        self._log: EventLog | None = None
        self._early: list[Event] | None = []
        self._lock = threading.RLock()  # telling of a listener's failure is an event too

    def __call__(self, event: Event) -> None:
        """Pass one event on."""
        with self._lock:
            if self._early is not None:
                self._early.append(event)
            elif self._log is not None:
                self._write(self._log, event)
            failures = [self._hand(event, listener) for listener in self._listeners]
            if any(failures):
                self._let_go([failure for failure in failures if failure])

    def phase(self, name: PhaseName, detail: str = "") -> None:
        """Tell what the run is doing now."""
        self(PhaseChanged(time.time(), name, detail))

    def note(self, level: Literal["info", "warning"], message: str) -> None:
        """Tell what a person should know."""
        self(Noted(time.time(), level, message))

    def add(self, listener: Listener) -> None:
        """Let another one listen from now on."""
        self._listeners.append(listener)

    def open_log(self, folder: RunFolder) -> None:
        """Begin to write ``run/events.jsonl``.

        Raises:
            InputError: Something else stands in its place.
            SurroundingsError: The disk refuses.
        """
        self._log = EventLog(folder.events)
        for event in self._early or []:
            self._log(event)
        self._early = None

    def without_log(self) -> None:
        """Keep nothing for a log that this process does not write."""
        self._early = None

    def close(self) -> None:
        """Close the log, if it was opened."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _write(self, log: EventLog, event: Event) -> None:
        try:
            log(event)
        except SurroundingsError as error:
            self.lost = error
            self.close()
            self._stop.stop()

    def _hand(self, event: Event, listener: Listener) -> tuple[Listener, Exception] | None:
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001 - a listener is anybody's code
            return listener, error
        return None

    def _let_go(self, failures: list[tuple[Listener, Exception]]) -> None:
        gone = {id(listener) for listener, _ in failures}
        self._listeners = [other for other in self._listeners if id(other) not in gone]
        for listener, error in failures:
            message = f"{_name_of(listener)} failed and is not told any more: {_words(error)}"
            if not self._listeners:
                _UNHEARD.warning(message)
            self.note("warning", message)


def _name_of(listener: Listener) -> str:
    named = getattr(listener, "name", None) or getattr(listener, "__qualname__", None)
    return str(named or type(listener).__qualname__)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
