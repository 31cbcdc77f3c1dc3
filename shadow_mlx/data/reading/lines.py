"""Random access to the lines of a file by byte offsets: 24 bytes a line, whatever the file's size.

A line ends at ``\\n``. Blank lines are left out. Byte-order marks in front of a line (files put
together have them inside) and the ``\\r`` of ``\\r\\n`` are stripped. The last line needs no
newline.
"""

from __future__ import annotations

import threading
from io import BufferedReader
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shadow_mlx.data.reading.beginnings import BLANK, MARK, bare
from shadow_mlx.data.reading.problems import whole_file

CHUNK = 1 << 22
MAX_LINE = 16 << 20
"""Bytes of the longest line that is parsed; a longer one is no chat but a mistake."""

_MAGIC = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"(\xb5/\xfd": "a zstd archive",
}


class LineIndex:
    """The non-blank lines of a file.

    ``starts`` and ``ends`` are byte offsets, ``numbers`` the lines' numbers from 1 (int64[n]).

    Raises:
        DataError: When the path is no readable, non-empty text file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.starts, self.ends, self.numbers = _index(path)
        if not len(self.starts):
            raise whole_file(path, "only blank lines", "one JSON object a line")
        self._file: BufferedReader | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.starts)

    def length(self, i: int) -> int:
        """Bytes of line ``i``."""
        return int(self.ends[i] - self.starts[i])

    def read(self, i: int) -> bytes:
        """Line ``i`` without its newline. The file is opened once."""
        with self._lock:
            if self._file is None:
                self._file = self.path.open("rb")
            self._file.seek(int(self.starts[i]))
            return bare(self._file.read(self.length(i)))

    def close(self) -> None:
        """Let go of the file; a later read opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()


def _index(path: Path) -> tuple[npt.NDArray[np.int64], ...]:
    size = _check_text(path)
    with path.open("rb") as file:
        origin = len(MARK) if file.read(len(MARK)) == MARK else 0
        file.seek(0)
        newlines, indented = _scan(file)
        ends = newlines if len(newlines) and newlines[-1] == size - 1 else np.append(newlines, size)
        starts = np.concatenate([[origin], ends[:-1] + 1]).astype(np.int64, copy=False)
        kept = ends > starts
        # a line that begins with a blank or a mark may be all blanks: seldom, so read again
        for i in np.searchsorted(starts, np.append(indented, origin)):
            if kept[i] and ends[i] - starts[i] <= MAX_LINE:
                file.seek(int(starts[i]))
                kept[i] = bool(bare(file.read(int(ends[i] - starts[i]))))
    numbers = np.flatnonzero(kept).astype(np.int64, copy=False) + 1
    return starts[kept], ends[kept], numbers


def _scan(file: BufferedReader) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Offsets of all newlines, and of the lines (but the first) that begin with a blank or mark."""
    newlines: list[npt.NDArray[np.int64]] = []
    indented: list[npt.NDArray[np.int64]] = []
    blanks = np.frombuffer(BLANK + MARK[:1], np.uint8)
    buffer = bytearray(CHUNK + 1)  # one byte of the chunk before, to see what follows its newline
    position = 0
    while count := file.readinto(memoryview(buffer)[1:]):
        view = np.frombuffer(buffer, np.uint8, count + 1)
        is_newline = view == 10
        newlines.append(np.flatnonzero(is_newline[1:]) + position)
        after = np.flatnonzero(is_newline[:-1]) + 1
        indented.append(after[np.isin(view[after], blanks)] + position - 1)
        position += count
        buffer[0] = buffer[count]
    return np.concatenate(newlines), np.concatenate(indented)


def _check_text(path: Path) -> int:
    """The file's size in bytes; raises when it is not a non-empty text file."""
    head = head_of(path, "a JSON Lines file")
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            raise whole_file(path, name, "JSON Lines in UTF-8")
    if b"\0" in head:
        raise whole_file(path, "a binary file (it holds zero bytes)", "JSON Lines in UTF-8")
    return path.stat().st_size


def head_of(path: Path, expected: str) -> bytes:
    """The first bytes of a file.

    Args:
        path: The file.
        expected: What should be there, for the message.

    Raises:
        InvalidDataError: It is none, is empty, or may not be read.
    """
    if path.is_dir():
        raise whole_file(path, "a folder", expected)
    if not path.is_file():
        found = "something that is not a file" if path.exists() else "no such file"
        raise whole_file(path, found, expected)
    try:
        with path.open("rb") as file:
            head = file.read(8192)
    except PermissionError:
        raise whole_file(path, "a file that you may not read", expected) from None
    if not head:
        raise whole_file(path, "an empty file", expected)
    return head
