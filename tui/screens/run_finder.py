"""Finds the runs for a list again and again, and reads only what changed since the last time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.runs.labels import labels_changed
from shadow_mlx.runs.listing import RunSummary, find_runs, last_change, summarise
from shadow_mlx.runs.live import is_live
from shadow_mlx.runs.record import EventReader

MOST = 50
"""Runs that are listed, the newest ones."""


@dataclass(frozen=True)
class Found:
    """The newest runs, and how many there are."""

    runs: tuple[RunSummary, ...]
    there: int


class RunFinder:
    """For a thread: it reads files."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[object, RunSummary]] = {}
        self._readers: dict[Path, EventReader] = {}  # of runs that grow

    def find(self, known: Iterable[str]) -> Found:
        """The runs that are known, and those in this folder and below it."""
        folders = find_runs(known, Path.cwd())
        return Found(tuple(map(self._summary, folders[:MOST])), len(folders))

    def _summary(self, folder: Path) -> RunSummary:
        live = is_live(folder)
        key = (last_change(folder), labels_changed(folder), live)
        if folder not in self._seen or self._seen[folder][0] != key:
            reader = self._readers.pop(folder, None) or EventReader(folder)
            self._seen[folder] = (key, summarise(folder, reader))
            if live:
                self._readers[folder] = reader
        return self._seen[folder][1]
