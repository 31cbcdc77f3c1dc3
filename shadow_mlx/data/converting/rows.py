"""What the readers of tables give: rows with their places, and what is wrong with a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from shadow_mlx.data.reading.problems import Problem, quoted


@dataclass(frozen=True)
class Row:
    """One row of a table, one object of an array, one piece of a document.

    ``number`` counts from 1; ``line`` is that of the file where it begins, ``None`` where a file
    has no lines.
    """

    values: dict[str, Any]
    number: int
    line: int | None = None

    def problem(self, path: Path, found: str, expected: str) -> Problem:
        """A finding about this row."""
        if self.line is not None:
            return Problem(path, self.line, found, expected)
        return Problem(path, None, f"in row {self.number:,}: {found}", expected)


class Table(Protocol):
    """A file that is read row by row, in memory that does not grow with it.

    Iterating gives rows, and the problem of each row that is none; what makes the rest unreadable
    is raised as :class:`~shadow_mlx.data.reading.problems.InvalidDataError`.
    """

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how the file was read, one sentence each."""

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""

    def __iter__(self) -> Iterator[Row | Problem]: ...


def column_names(header: Sequence[str], notes: list[str]) -> list[str]:
    """A name for each column: none is empty, and none stands twice.

    Args:
        header: The names as they stand in the file.
        notes: Told of the names that are given.
    """
    names: list[str] = []
    taken = {name.strip() for name in header}
    for i, given in enumerate(header, 1):
        bare = given.strip()
        name = bare or f"column{i}"
        again = 2
        while name in names or (name != bare and name in taken):
            name, again = f"{bare or f'column{i}'}_{again}", again + 1
        if not bare:
            notes.append(f"column {i} has no name: it is called {name!r} here")
        elif name != bare:
            notes.append(f"column {i} is called {quoted(bare)} as an earlier one: {name!r} here")
        names.append(name)
    return names
