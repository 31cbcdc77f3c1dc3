"""Files of records: random access, the check of every line, and the split into train and valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shadow_mlx.data.lines import MAX_LINE, LineIndex
from shadow_mlx.data.problems import InvalidDataError, Problem
from shadow_mlx.data.schema import InvalidLineError, Kind, Record, parse
from shadow_mlx.data.sources import locate

__all__ = ["CheckReport", "JsonLines", "Record", "Records", "Splits", "check_file", "resolve"]

KEPT_PROBLEMS = 1000
"""Problems of one file that are kept word by word; beyond that they are only counted."""


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

    Raises:
        InvalidDataError: When the path is no non-empty text file; on access, when a line is no
            record.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.lines = LineIndex(self.path)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, i: int) -> Record:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        number = self.line_number(i)
        if self.lines.length(i) > MAX_LINE:
            found = f"one line of {self.lines.length(i) / 1e6:,.1f} MB"
            expected = f"one example a line, each below {MAX_LINE / 1e6:.0f} MB"
            raise InvalidDataError([Problem(self.path, number, found, expected)])
        try:
            return parse(self.lines.read(i), number)
        except InvalidLineError as error:
            problems = [Problem(self.path, number, *finding) for finding in error.findings]
            raise InvalidDataError(problems) from None

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


@dataclass
class CheckReport:
    """What a look at every line of a file found.

    ``problems`` keeps the first thousand of ``problem_count``; ``turns`` counts assistant turns.
    """

    path: Path
    records: int = 0
    file_bytes: int = 0
    kinds: dict[Kind, int] = field(default_factory=dict)
    turns: int = 0
    tool_records: int = 0
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    @property
    def kind(self) -> Kind | None:
        """The format of the file; ``None`` when no line could be read."""
        return next(iter(self.kinds), None)

    def add(self, problem: Problem) -> None:
        """Count one problem, and keep it while there are few."""
        self.problem_count += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)


def check_file(path: str | Path) -> CheckReport:
    """Read and validate every line of a file. Problems are reported, never raised."""
    report = CheckReport(Path(path))
    try:
        source = JsonLines(path)
    except InvalidDataError as error:
        report.add(error.problems[0])
        return report
    report.file_bytes = source.path.stat().st_size
    if source.lines.length(0) <= 2 and source.lines.read(0) in (b"[", b"{"):
        found = "one JSON document spread over lines"
        report.add(Problem(source.path, source.line_number(0), found, "one JSON object a line"))
        return report
    first_line: dict[Kind, int] = {}
    for i in range(len(source)):
        try:
            record = source[i]
        except InvalidDataError as error:
            for problem in error.problems:
                report.add(problem)
            continue
        report.records += 1
        report.kinds[record.kind] = report.kinds.get(record.kind, 0) + 1
        first_line.setdefault(record.kind, record.line)
        report.turns += sum(m["role"] == "assistant" for m in record.messages)
        report.tool_records += record.tools is not None
    source.lines.close()
    if len(first_line) > 1:
        found = " and ".join(f"{kind} (first on line {n})" for kind, n in first_line.items())
        report.add(Problem(source.path, None, f"mixed formats: {found}", "one format in a file"))
    return report


@dataclass(frozen=True)
class Splits:
    """Validated data. ``note`` says in one line where the validation examples come from."""

    train: Records
    valid: Records | None
    test: Records | None
    note: str


def resolve(data: str | Path, valid_fraction: float = 0.1, seed: int = 0) -> Splits:
    """Find the data, check every line of every file, and split.

    Without a validation file, ``valid_fraction`` of the training file is set apart: the same
    lines for the same ``seed``, whatever else changes.

    Raises:
        DataError: Nothing is there.
        InvalidDataError: With the problems of all files.
    """
    files = locate(data)
    reports = [check_file(path) for path in files]
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        raise InvalidDataError(problems, sum(report.problem_count for report in reports))
    train = JsonLines(files.train)
    test = JsonLines(files.test) if files.test else None
    if files.valid:
        return Splits(train, JsonLines(files.valid), test, f"validation from {files.valid.name}")
    kept, held = split_indices(len(train), valid_fraction, seed)
    if not len(held):
        return Splits(train, None, test, "no validation examples")
    note = f"{len(held):,} of {len(train):,} examples set apart for validation (seed {seed})"
    return Splits(Part(train, kept), Part(train, held), test, note)


def split_indices(
    count: int, valid_fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices for training and for validation, each ascending; at least one stays in training."""
    held = min(max(round(count * valid_fraction), 1), count - 1) if valid_fraction > 0 else 0
    order = np.argsort(np.random.PCG64([seed, 0x5EED]).random_raw(count), kind="stable")
    return np.sort(order[held:]), np.sort(order[:held])
