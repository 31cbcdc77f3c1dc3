"""A JSON array of objects, element by element: the file may be larger than the memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from shadow_mlx import words
from shadow_mlx.data.converting.decoded import TextFile
from shadow_mlx.data.converting.rows import Row
from shadow_mlx.data.reading.lines import MAX_LINE
from shadow_mlx.data.reading.problems import InvalidDataError, Problem, quoted
from shadow_mlx.data.reading.strict_json import InvalidLineError, read_text

CHUNK = 1 << 16
"""Characters that are read at once."""

_BLANKS = " \t\r\n"
_PLAIN = json.JSONDecoder()


class JsonArray:
    """The objects of a file that is one JSON array.

    Raises:
        InvalidDataError: It is no text file; while iterating, it is no array, or breaks off.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._path = path
        self._opened = TextFile(path, encoding)
        self.notes: list[str] = []

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return self._opened.share

    def __iter__(self) -> Iterator[Row | Problem]:
        line = 1
        with self._opened.reading(lambda: line) as file:
            text = _Text(self._path, file)
            text.expect("[")
            number = 0
            while text.peek() != "]" or number:
                number += 1
                text.peek()
                line = text.line
                yield self._element(text.element(number), number, line)
                if text.peek() != ",":
                    break
                text.expect(",")
            text.expect("]")
            if text.peek():
                text.refuse("more behind the end of the array", "one array, and nothing else")

    def _element(self, raw: str, number: int, line: int) -> Row | Problem:
        try:
            value = read_text(raw)
        except InvalidLineError as error:
            found, expected = error.findings[0]
            return Problem(self._path, line, f"element {number:,} with {found}", expected)
        if isinstance(value, dict):
            return Row(value, number, line)
        return Problem(self._path, line, f"element {number:,}: {quoted(value)}", "an object")


class _Text:
    """A window on the text of a file, moved on element by element."""

    def __init__(self, path: Path, file: TextIOWrapper) -> None:
        self._path, self._file = path, file
        self._text, self._at, self._ended = "", 0, False
        self.line = 1

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self.line += self._text[self._at] == "\n"
                self._at += 1
            if self._at < len(self._text) or not self._more(CHUNK):
                return self._text[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        """Go on behind a character that must come next."""
        found = self.peek()
        if found != character:
            self.refuse(repr(found) if found else "the end of the file", f"a {character!r} there")
        self._at += 1

    def element(self, number: int) -> str:
        """The text of the value that comes next, which the window then stands behind."""
        while True:
            try:
                _, end = _PLAIN.raw_decode(self._text, self._at)
            except RecursionError:
                self.refuse(f"element {number:,}, nested too deeply", "plain objects")
            except ValueError as error:
                # perhaps only cut: twice as much is read each time, so that little is read again
                held = len(self._text) - self._at
                if held <= MAX_LINE and self._more(max(CHUNK, held)):
                    continue
                self._broken(error, number, held)
            else:
                if end < len(self._text) or not self._more(CHUNK):  # a number might go on
                    break
        raw, self._at = self._text[self._at : end], end
        self.line += raw.count("\n")
        return raw

    def _broken(self, error: ValueError, number: int, held: int) -> NoReturn:
        if held > MAX_LINE:
            found = f"element {number:,}, of over {words.size(MAX_LINE)}"
            self.refuse(found, f"one example in each, below {words.size(MAX_LINE)}")
        if isinstance(error, json.JSONDecodeError):
            control = error.msg.startswith("Invalid control")  # told behind the character
            self.line += self._text.count("\n", self._at, error.pos - control)
            said = error.msg.removesuffix(" at")
            self.refuse(f"broken JSON ({said}) in element {number:,}", "an array of objects")
        self.refuse(f"element {number:,} with a number of thousands of digits", "plain objects")

    def refuse(self, found: str, expected: str) -> NoReturn:
        """Tell what stands here, by its line."""
        raise InvalidDataError([Problem(self._path, self.line, found, expected)])

    def _more(self, count: int) -> bool:
        """Read on; what was passed is let go."""
        if self._ended:
            return False
        chunk = self._file.read(count)
        self._ended = not chunk
        if chunk:
            self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)
