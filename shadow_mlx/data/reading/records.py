"""Files of records: random access to the validated lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shadow_mlx import words
from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.columns import AS_NAMED
from shadow_mlx.data.reading.documents import refuse_document
from shadow_mlx.data.reading.label_files import labels_of
from shadow_mlx.data.reading.lines import MAX_LINE, LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError, Problem
from shadow_mlx.data.reading.schema import InvalidLineError, Record, parse

__all__ = ["JsonLines", "Part", "Record", "Records"]


class Records(Protocol):
    """What the encoder needs of a file or a part of one."""

    @property
    def path(self) -> Path:
        """The file."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Record: ...

    def line_number(self, i: int, /) -> int:
        """The line in ``path``, from 1, that record ``i`` stands on."""


class JsonLines:
    """The records of one file, read one by one from the disk.

    Args:
        path: The file.
        columns: Which of its columns hold what.
        lines: Its lines, where they are indexed already.

    Raises:
        InvalidDataError: When the path is no non-empty text file, or one JSON document, or has
            not the labels that are to be listed; on access, when a line is no record.
    """

    def __init__(
        self, path: str | Path, columns: ColumnConfig = AS_NAMED, lines: LineIndex | None = None
    ) -> None:
        self.path = Path(path)
        self.columns = columns
        self.lines = LineIndex(self.path) if lines is None else lines
        refuse_document(self.lines)
        self.labels = labels_of(self.path, columns)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, i: int) -> Record:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        number = self.line_number(i)
        if self.lines.length(i) > MAX_LINE:
            found = f"one line of {words.file_size(self.lines.length(i))}"
            expected = f"one example a line, each below {words.size(MAX_LINE)}"
            raise InvalidDataError([Problem(self.path, number, found, expected)])
        try:
            return parse(self.lines.read(i), number, self.columns, self.labels)
        except InvalidLineError as error:
            problems = [Problem(self.path, number, *finding) for finding in error.findings]
            raise InvalidDataError(problems) from error

    def __iter__(self) -> Iterator[Record]:
        return (self[i] for i in range(len(self)))

    def line_number(self, i: int) -> int:
        """The line in the file, from 1, that record ``i`` stands on."""
        return int(self.lines.numbers[i])


@dataclass(frozen=True)
class Part:
    """Some of the records of a file, in the file's order. ``chosen`` is int64[n]."""

    source: Records
    chosen: npt.NDArray[np.int64]

    @property
    def path(self) -> Path:
        """The file that the records come from."""
        return self.source.path

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, i: int, /) -> Record:
        return self.source[int(self.chosen[i])]

    def line_number(self, i: int, /) -> int:
        """The line in the file, from 1, that record ``i`` stands on."""
        return self.source.line_number(int(self.chosen[i]))
