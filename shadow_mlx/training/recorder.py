"""Hands each event to everyone who listens: the caller, the log of the run, services."""

from __future__ import annotations

import time
from typing import Literal

from shadow_mlx.events import Event, Listener, Noted, PhaseChanged, PhaseName
from shadow_mlx.run_folder import EventLog, RunFolder


class Recorder:
    """A listener that passes events on.

    The log is opened when the run is certain to begin (:meth:`open_log`), so that a start that
    fails leaves no trace in the folder; what was said before is written then.
    """

    def __init__(self, listener: Listener | None) -> None:
        self._listeners: list[Listener] = [listener] if listener else []
        self._log: EventLog | None = None
        self._early: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Pass one event on."""
        if self._log is None:
            self._early.append(event)
        else:
            self._log(event)
        for listener in self._listeners:
            listener(event)

    def phase(self, name: PhaseName, detail: str = "") -> None:
        """Tell what the run is doing now."""
        self(PhaseChanged(time.time(), name, detail))

    def note(self, level: Literal["info", "warning"], message: str) -> None:
        """Tell what a person should know."""
        self(Noted(time.time(), level, message))

    def add(self, listener: Listener | None) -> None:
        """Let another one listen from now on."""
        if listener is not None:
            self._listeners.append(listener)

    def open_log(self, folder: RunFolder) -> None:
        """Begin to write ``run/events.jsonl``."""
        self._log = EventLog(folder.events)
        for event in self._early:
            self._log(event)
        self._early.clear()

    def close(self) -> None:
        """Close the log, if it was opened."""
        if self._log is not None:
            self._log.close()
            self._log = None
