"""Text files in the encoding that they say, or are said, to have: strict, line by line, bounded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from shadow_mlx import words
from shadow_mlx.data.reading.beginnings import marked_encoding
from shadow_mlx.data.reading.foreign import CONVERTIBLE
from shadow_mlx.data.reading.lines import MAX_LINE, head_of
from shadow_mlx.data.reading.problems import InvalidDataError, Problem, whole_file

_ARCHIVES = {b"\x1f\x8b": "a gzip archive", b"PK\x03\x04": "a zip archive or an office document"}


class TextLines:
    """The lines of a text file, with their ends; iterated once or several times.

    Args:
        path: The file.
        encoding: As somebody says it is; a byte-order mark knows better, and without either it is
            UTF-8.

    Attributes:
        number: Lines that were given.

    Raises:
        InvalidDataError: It is no text file; while iterating, a line is none.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path, self.number = path, 0
        self._opened = TextFile(path, encoding)

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return self._opened.share

    def __iter__(self) -> Iterator[str]:
        self.number = 0
        with self._opened.reading(lambda: self.number + 1) as file:
            while line := file.readline(MAX_LINE + 1):
                self.number += 1
                if len(line) > MAX_LINE:
                    self._refuse(f"a line of over {words.size(MAX_LINE)}")
                if "\0" in line:
                    self._refuse(
                        "zero bytes, as binary files have them and UTF-16 text without a "
                        "byte-order mark (--encoding utf-16-le reads that)"
                    )
                yield line

    def _refuse(self, found: str) -> NoReturn:
        raise InvalidDataError([Problem(self.path, self.number, found, "lines of text")])


class TextFile:
    """A text file that is opened with the right encoding; what is wrong in it is told by line."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        head = head_of(path, CONVERTIBLE)
        for magic, name in _ARCHIVES.items():
            if head.startswith(magic):
                raise whole_file(path, name, f"{CONVERTIBLE}, unpacked")
        self.path = path
        self.encoding = marked_encoding(head) or encoding or "utf-8"
        self._size = max(1, path.stat().st_size)
        self._file: TextIOWrapper | None = None
        self._done = 0.0

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        if self._file is None or self._file.closed:
            return self._done
        return os.lseek(self._file.fileno(), 0, os.SEEK_CUR) / self._size

    @contextmanager
    def reading(self, line: Callable[[], int]) -> Iterator[TextIOWrapper]:
        """The open file.

        Args:
            line: Tells the line that is being read, for messages.

        Raises:
            InvalidDataError: A byte is not of the encoding.
        """
        # newline="": ends of lines stay as they are, for they may stand in cells
        with self.path.open(encoding=self.encoding, newline="") as file:
            self._file, self._done = file, 0.0
            try:
                yield file
                self._done = 1.0
            except UnicodeDecodeError as error:
                raise self._undecodable(error, line()) from None
            except UnicodeError as error:  # of UTF-16: no mark where there must be one
                raise whole_file(self.path, str(error), f"text in {self.encoding}") from None

    def _undecodable(self, error: UnicodeDecodeError, line: int) -> InvalidDataError:
        if self.encoding.startswith("utf-8"):
            line, found = _first_fault(self.path, line)
            found = f"{found}, which is not UTF-8"
        else:
            found = f"bytes that are not {self.encoding} ({error.reason})"
        expected = (
            f"text in {self.encoding}; or say the encoding: --encoding cp1252 (Windows, western "
            "Europe), latin-1, shift_jis, …"
        )
        return InvalidDataError([Problem(self.path, line, found, expected)])


def _first_fault(path: Path, near: int) -> tuple[int, str]:
    """The first line that is not UTF-8, and its byte; a reader decodes many lines at once."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE + 1):
            number += 1
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                if len(raw) > MAX_LINE and error.reason == "unexpected end of data":
                    continue  # a character that was cut
                byte = raw[error.start]
                return number, f"the byte 0x{byte:02x} at position {error.start + 1}"
    return near, "a byte"
