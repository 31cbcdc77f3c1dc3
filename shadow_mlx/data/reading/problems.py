"""What is wrong with a data file: one finding a line, all of them shown together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.errors import DataError

SHOWN = 20
"""How many problems a message lists before it gives only a count."""


@dataclass(frozen=True)
class Problem:
    """One finding. ``line`` counts from 1; ``None`` means the file as a whole."""

    file: Path
    line: int | None
    found: str
    expected: str

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: found {self.found}; expected {self.expected}"


def describe(problems: Sequence[Problem], total: int | None = None) -> str:
    """The first twenty problems, one a line, then how many more there are.

    Args:
        problems: The findings, in file order.
        total: The true number, when not all of them were kept.
    """
    total = len(problems) if total is None else total
    lines = [str(problem) for problem in problems[:SHOWN]]
    if total > len(lines):
        lines.append(f"… and {total - len(lines):,} more")
    return "\n".join(lines)


class InvalidDataError(DataError):
    """Data that breaks the format. ``problems`` are the findings, the message lists the first."""

    def __init__(self, problems: Sequence[Problem], total: int | None = None) -> None:
        self.problems = tuple(problems)
        self.total = len(self.problems) if total is None else total
        super().__init__(describe(self.problems, self.total))


def whole_file(path: Path, found: str, expected: str) -> InvalidDataError:
    """The error of a file that cannot be read at all."""
    return InvalidDataError([Problem(path, None, found, expected)])


def quoted(value: object, limit: int = 40) -> str:
    """A value as an error shows it: escaped, and cut to about ``limit`` characters."""
    if isinstance(value, str):
        return repr(value) if len(value) <= limit else repr(value[:limit]) + "…"
    if isinstance(value, dict):
        keys = ", ".join(quoted(key, 20) for key in list(value)[:8])
        return f"an object with the keys {keys}" if value else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"the number {str(value)[:limit]}"
