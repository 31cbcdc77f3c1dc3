"""CSV and TSV tables, by Python's ``csv``: which delimiter they have, their names, their rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from shadow_mlx import words
from shadow_mlx.config import ConvertConfig
from shadow_mlx.data.converting.decoded import TextLines
from shadow_mlx.data.converting.rows import Row, column_names
from shadow_mlx.data.reading.lines import MAX_LINE
from shadow_mlx.data.reading.problems import InvalidDataError, Problem

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

SAMPLE_LINES = 200
SAMPLE_CHARACTERS = 1 << 18
"""How much of a file says what its delimiter is."""

_NONE = "\x1f"  # delimits nothing: a table of one column

_BROKEN = {
    "unexpected end of data": "a quote that is opened here and never closed",
    f"field larger than field limit ({MAX_LINE})": f"a cell of over {words.size(MAX_LINE)}, or a "
    "quote that is opened here and never closed",
}


class SeparatedTable:
    """The rows of a CSV or TSV file.

    Args:
        path: The file.
        options: Its encoding, delimiter and header, where they are said.
        delimiter: Of the kind of file, where that decides it.

    Raises:
        InvalidDataError: It is no text file; while iterating, what follows cannot be told apart.
    """

    def __init__(self, path: Path, options: ConvertConfig, delimiter: str | None = None) -> None:
        self._path, self._options = path, options
        self._lines = TextLines(path, options.encoding)
        self.notes: list[str] = []
        sample = list(_limited(self._lines))
        said = DELIMITERS.get(options.delimiter, delimiter)
        self._delimiter = said or delimiter_of(sample, quotes=options.quotes)

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return self._lines.share

    def __iter__(self) -> Iterator[Row | Problem]:
        self.notes.clear()
        names: list[str] = []
        number = 0
        for line, cells in self._rows():
            if not names:
                header = self._options.header
                names = column_names(cells if header else [""] * len(cells), self.notes)
                if header:
                    continue
                self.notes.clear()  # that no column has a name is what was said
            number += 1
            while len(cells) > len(names) and not cells[-1]:
                cells.pop()  # a delimiter at the end of each row
            if len(cells) == len(names):
                yield Row(dict(zip(names, cells, strict=True)), number, line)
            else:
                found = f"a row of {words.counted(len(cells), 'cell')}"
                yield Problem(self._path, line, found, f"{len(names):,}, as the first row has")

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that have a value, each with the line on which it begins."""
        csv.field_size_limit(MAX_LINE)  # of the process: csv knows no other
        rows = _reader(self._lines, self._delimiter, quotes=self._options.quotes, strict=True)
        while True:
            line = rows.line_num + 1
            try:
                cells = next(rows, None)
            except csv.Error as error:
                raise self._broken(line, str(error)) from None
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield line, cells

    def _broken(self, line: int, said: str) -> InvalidDataError:
        found = _BROKEN.get(said, f"a row that is no CSV ({said})")
        expected = (
            'cells with quotes around all of it or none, a quote inside written twice ("") '
            "(--no-quotes: where quotes are letters like others)"
        )
        return InvalidDataError([Problem(self._path, line, found, expected)])


def _limited(lines: TextLines) -> Iterator[str]:
    """The beginning of a file, enough to know it by."""
    length = 0
    for line in islice(lines, SAMPLE_LINES):
        yield line
        length += len(line)
        if length > SAMPLE_CHARACTERS:
            return


def delimiter_of(lines: Sequence[str], *, quotes: bool = True) -> str:
    """The delimiter by which most rows have as many cells as the first one.

    ``csv.Sniffer`` guesses letters in prose, and takes doubled quotes for none where the first
    rows have none; here Python's reader itself tries each delimiter that tables have.
    """
    csv.field_size_limit(MAX_LINE)
    best, chosen = 0.0, _NONE
    for delimiter in DELIMITERS.values():
        try:
            rows = [row for row in _reader(lines, delimiter, quotes=quotes) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        # the last row may be cut; more columns are less likely by accident
        alike = sum(len(row) == width for row in rows) / len(rows) + width / 1e6
        if alike > best:
            best, chosen = alike, delimiter
    return chosen


def _reader(lines: Any, delimiter: str, *, quotes: bool, strict: bool = False) -> Any:
    if quotes:
        return csv.reader(lines, delimiter=delimiter, strict=strict)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=strict)
