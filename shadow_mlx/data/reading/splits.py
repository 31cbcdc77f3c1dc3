"""From ``--data`` to validated records: what is trained on, what is set apart for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.checking import CheckReport, check_file
from shadow_mlx.data.reading.columns import AS_NAMED
from shadow_mlx.data.reading.notices import Notice
from shadow_mlx.data.reading.prints import shared
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines, Part, Records
from shadow_mlx.data.reading.sources import locate


@dataclass(frozen=True)
class Splits:
    """Validated data.

    ``note`` says in one line where the validation examples come from, ``notes`` say what is left
    out of the data, repeated in them or stands out, one sentence each.
    """

    train: Records
    valid: Records | None
    test: Records | None
    note: str
    notes: tuple[str, ...] = ()


class Overlap(NamedTuple):
    """How many examples of one file are in another, too."""

    file: str
    other: str
    examples: int

    def __str__(self) -> str:
        """As a sentence."""
        one = f"example of {self.file} is in {self.other}, too"
        many = f"examples of {self.file} are in {self.other}, too"
        return Notice(one, many).counted(self.examples)


def resolve(
    data: str | Path,
    valid_fraction: float = 0.1,
    seed: int = 0,
    columns: ColumnConfig = AS_NAMED,
) -> Splits:
    """Find the data, check every line of every file, and split.

    Without a validation file, ``valid_fraction`` of the training file is set apart: the same
    lines for the same ``seed``, whatever else changes.

    Raises:
        DataError: Nothing is there.
        InvalidDataError: With the problems of all files.
    """
    files = locate(data)
    reports = [check_file(path, columns) for path in files]
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        raise InvalidDataError(problems, sum(report.problem_count for report in reports))
    notes = _notes(reports)
    train = JsonLines(files.train, columns)
    test = JsonLines(files.test, columns) if files.test else None
    if files.valid:
        valid = JsonLines(files.valid, columns)
        return Splits(train, valid, test, f"validation from {files.valid.name}", notes)
    kept, held = split_indices(len(train), valid_fraction, seed)
    if not len(held):
        return Splits(train, None, test, "no validation examples", notes)
    note = f"{len(held):,} of {len(train):,} examples set apart for validation (seed {seed})"
    prints = reports[0].prints.values
    known = shared(prints[held], prints[kept])
    if known:
        notes += (str(Overlap("the validation part", "the training part", known)),)
    return Splits(Part(train, kept), Part(train, held), test, note, notes)


def validation_examples(
    data: str | Path, valid_fraction: float, seed: int, columns: ColumnConfig = AS_NAMED
) -> Records | None:
    """The validation examples that :func:`resolve` gives; their lines are not checked before.

    Raises:
        DataError: Nothing is there.
    """
    files = locate(data)
    if files.valid:
        return JsonLines(files.valid, columns)
    train = JsonLines(files.train, columns)
    _, held = split_indices(len(train), valid_fraction, seed)
    return Part(train, held) if len(held) else None


def overlaps(reports: Sequence[CheckReport]) -> list[Overlap]:
    """Which files have examples in common, each with those before it."""
    pairs = [
        Overlap(later.path.name, earlier.path.name, shared(later.prints.values, known))
        for earlier, later in combinations(reports, 2)
        if len(known := earlier.prints.values)
    ]
    return [pair for pair in pairs if pair.examples]


def _notes(reports: Sequence[CheckReport]) -> tuple[str, ...]:
    """The notes of all files, with the file's name where there are several."""
    named = [
        f"{report.path.name}: {note}" if len(reports) > 1 else note
        for report in reports
        for note in report.notes()
    ]
    return (*named, *map(str, overlaps(reports)))


def held_out(count: int, valid_fraction: float) -> int:
    """How many of ``count`` examples are set apart; at least one stays in training."""
    return min(max(round(count * valid_fraction), 1), count - 1) if valid_fraction > 0 else 0


def split_indices(
    count: int, valid_fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices for training and for validation, each ascending; see :func:`held_out`."""
    held = held_out(count, valid_fraction)
    order = shuffled(count, seed)
    return np.sort(order[held:]), np.sort(order[:held])


def shuffled(count: int, seed: int) -> npt.NDArray[np.int64]:
    """The numbers below ``count`` in an order of the seed's, int64[n]: everywhere the same."""
    return np.argsort(np.random.PCG64([seed, 0x5EED]).random_raw(count), kind="stable")
