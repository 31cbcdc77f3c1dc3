"""A file that grows line by line, and is whole up to its last one whatever happens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from shadow_mlx.files.writing import disk_errors, open_regular


class LineLog:
    """Appends lines to a file, each written at once, so that any viewer can follow it.

    A line that a killed writer, or a full disk, left unfinished is cut off when the file is opened.

    Raises:
        InputError: A symbolic link, or what is no file, has that name.
        SurroundingsError: The disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._file = os.fdopen(handle, "ab+", buffering=0)
            _cut_torn_line(self._file)

    def write(self, line: str) -> None:
        """Append one line.

        Raises:
            SurroundingsError: The disk refuses.
        """
        rest = line.encode() + b"\n"
        with disk_errors(self._path):
            while rest:
                rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Close the file; no line may follow."""
        self._file.close()


def _cut_torn_line(file: IO[bytes], block: int = 65536) -> None:
    """Truncate ``file`` after its last newline."""
    end = file.seek(0, os.SEEK_END)
    position = end
    while position > 0:
        start = max(0, position - block)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position != end:
        file.truncate(position)
    file.seek(0, os.SEEK_END)
