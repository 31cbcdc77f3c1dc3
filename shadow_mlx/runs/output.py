"""What a run printed that an interface started, as it grows: ``run/output.log``."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG

from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.record import without_waiting
from shadow_mlx.terminal import visible

BLOCK = 1 << 16
"""Bytes that are read in one go."""

LARGEST = 4 << 20
"""Bytes from the end of a log that are read; what was printed before them is left out."""


class OutputReader:
    """Reads the lines of a run's output as they come, a block at a time; for a thread.

    Of a line that was written over, as progress is, the last state counts. What stands in it is
    made visible.

    Attributes:
        left_out: Bytes at the beginning of a very long log that are not read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = RunFolder(folder).output
        self._inode = 0
        self._forget()

    def _forget(self) -> None:
        self._offset, self._rest = -1, b""
        self.left_out = 0

    def read(self) -> list[str] | None:
        """The next lines; none where nothing new is there, ``None`` where another log begins."""
        try:
            with open(self._path, "rb", opener=without_waiting) as file:
                stat = os.fstat(file.fileno())
                if not S_ISREG(stat.st_mode):
                    return []
                if stat.st_ino != self._inode or stat.st_size < self._offset:
                    known, self._inode = self._inode, stat.st_ino
                    self._forget()
                    if known:
                        return None
                if self._offset < 0:
                    self._offset = self.left_out = max(0, stat.st_size - LARGEST)
                file.seek(self._offset)
                block = file.read(BLOCK)
        except OSError:
            return []
        self._offset += len(block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        if len(self._rest) > BLOCK:  # a line without an end, such as progress alone
            self._rest = self._rest[-BLOCK:]
        return [_shown(line) for line in lines]

    @property
    def unfinished(self) -> str:
        """The beginning of a line whose end is not there yet."""
        return _shown(self._rest)


def _shown(line: bytes) -> str:
    written = line.decode(errors="replace").rstrip("\r").split("\r")
    return visible(written[-1]).expandtabs()
