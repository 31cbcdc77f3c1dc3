"""A run's record as it grows: ``run/events.jsonl``, read a block at a time and folded."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from stat import S_ISREG

from shadow_mlx.runs.curves import RunFold, RunView
from shadow_mlx.runs.events import from_json
from shadow_mlx.runs.folder import RunFolder

POLL_SECONDS = 0.25
SHOW_SECONDS = 0.5
"""How often a long record is shown while it is read."""

BLOCK = 1 << 16
"""Bytes of events that are parsed in one go, in about two milliseconds: Python runs one thread at a
time, so the screen waits that long."""

LONGEST_LINE = 1 << 20
"""Bytes of a line that may be an event."""

PAUSE_SECONDS = 0.001
"""What a thread leaves to the screen after each block of a long record."""


class EventReader:
    """Reads an events file as it grows, a block at a time; for a thread."""

    def __init__(self, folder: Path) -> None:
        self._path = RunFolder(folder).events
        self._offset = 0
        self._rest = b""
        self._inode = 0
        self._torn = False  # in the middle of a line that is too long
        self.fold = RunFold()

    def read(self) -> bool:
        """Fold in the next block; returns whether there was anything new."""
        try:
            with open(self._path, "rb", opener=without_waiting) as file:
                stat = os.fstat(file.fileno())
                if not S_ISREG(stat.st_mode):
                    return False
                if stat.st_ino != self._inode or stat.st_size < self._offset:  # a new run
                    self._inode, self._offset, self._rest = stat.st_ino, 0, b""
                    self._torn = False
                    self.fold = RunFold()
                file.seek(self._offset)
                block = file.read(BLOCK)
        except OSError:  # not there yet, or removed while we look
            return False
        self._offset += len(block)
        *lines, rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._take(line)
        if len(rest) > LONGEST_LINE:  # no event: only its end is waited for
            self._torn, rest = True, b""
        self._rest = rest
        return bool(block)

    def _take(self, line: bytes) -> None:
        torn, self._torn = self._torn, False
        if not torn and not line.strip():
            return
        event = None if torn else from_json(line.decode(errors="replace"))
        if event is None:
            self.fold.skip()
        else:
            self.fold.add(event)

    def read_all(self) -> RunView:
        """Everything that is there now."""
        while self.read():
            time.sleep(PAUSE_SECONDS)
        return self.fold.snapshot()


def without_waiting(path: str, flags: int) -> int:
    """An opener for what should be a file: a pipe in its place does not let us wait."""
    return os.open(path, flags | os.O_NONBLOCK)


async def follow(folder: Path, poll_seconds: float = POLL_SECONDS) -> AsyncIterator[RunView]:
    """Snapshots of a run: now and then while its record is read, then for each change. Endless."""
    reader = EventReader(folder)
    yield reader.fold.snapshot()
    while True:
        shown, pending = time.monotonic(), False
        while await asyncio.to_thread(reader.read):
            pending = True
            if time.monotonic() - shown > SHOW_SECONDS:
                yield reader.fold.snapshot()
                shown, pending = time.monotonic(), False
        if pending:
            yield reader.fold.snapshot()
        await asyncio.sleep(poll_seconds)
