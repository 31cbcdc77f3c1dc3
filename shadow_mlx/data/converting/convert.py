"""A table, a JSON array or a document becomes JSON Lines beside it: looked at, then written."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from shadow_mlx import words
from shadow_mlx.config import ColumnConfig, ConvertConfig
from shadow_mlx.data.converting.arrays import JsonArray
from shadow_mlx.data.converting.mapping import Mapped, mapped, suggested
from shadow_mlx.data.converting.origin import Source, check_free
from shadow_mlx.data.converting.parquet import ParquetTable
from shadow_mlx.data.converting.prose import Document
from shadow_mlx.data.converting.rows import Row, Table
from shadow_mlx.data.converting.separated import SeparatedTable
from shadow_mlx.data.converting.writing import Lines, new_lines, said
from shadow_mlx.data.reading.beginnings import bare
from shadow_mlx.data.reading.checking import KEPT_PROBLEMS, SHOWN_NAMES
from shadow_mlx.data.reading.columns import Kind, UnknownFormatError, prompt_columns
from shadow_mlx.data.reading.findings import empty
from shadow_mlx.data.reading.foreign import (
    CONVERTIBLE,
    DOCUMENTS,
    SEPARATED,
    ForeignKind,
    foreign_kind,
)
from shadow_mlx.data.reading.lines import MAX_LINE, head_of
from shadow_mlx.data.reading.problems import InvalidDataError, Problem, quoted, whole_file
from shadow_mlx.data.reading.schema import InvalidLineError, parse
from shadow_mlx.errors import InputError

OnShare = Callable[[float], None]
"""Told how much of a file is read, from 0 to 1."""

TOLD_EVERY = 256
"""Rows after which it is told how far the reading is."""


@dataclass(frozen=True)
class Converted:
    """A file that was written.

    Attributes:
        path: The file.
        source: What it was made of.
        kind: What that is.
        format: That of its examples.
        examples: How many.
        notes: What was left out or named, one sentence each.
    """

    path: Path
    source: Path
    kind: ForeignKind
    format: Kind
    examples: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """The beginning of a file that can be converted.

    ``columns`` have the first values that say something; ``suggested`` is a guess at what they
    hold, as values of ``ColumnConfig``.
    """

    kind: ForeignKind
    rows: tuple[Row, ...]
    columns: dict[str, Any]
    suggested: dict[str, str]
    notes: tuple[str, ...]


def output_of(source: Path) -> Path:
    """Where a file's examples are written by default: beside it."""
    if source.suffix.lower() == ".jsonl":
        return source.with_name(f"{source.stem}-lines.jsonl")
    return source.with_suffix(".jsonl")


def open_table(path: Path, options: ConvertConfig) -> tuple[ForeignKind, Table]:
    """The reader of a file.

    Raises:
        InputError: It is nothing that can be converted, or its reader is not installed.
    """
    head = head_of(path, CONVERTIBLE)
    kind = foreign_kind(path)
    if kind is None and bare(head).startswith(b"{"):
        raise whole_file(path, "JSON Lines, which need no conversion", CONVERTIBLE)
    if kind is None:
        raise whole_file(path, "a file of an unknown kind", f"{CONVERTIBLE}, by its ending")
    if kind == "parquet":
        return kind, ParquetTable(path)
    if kind == "json":
        return kind, JsonArray(path, options.encoding)
    if kind in DOCUMENTS:
        markdown = kind == "markdown"
        document = Document(
            path, options.max_characters, markdown=markdown, encoding=options.encoding
        )
        return kind, document
    return kind, SeparatedTable(path, options, "\t" if kind == "tsv" else None)


def look(path: Path, options: ConvertConfig, count: int = 20) -> Look:
    """The first rows of a file, and what their columns may hold.

    Raises:
        InputError: As :func:`open_table`; also where no row can be read.
    """
    kind, table = open_table(path, options)
    rows: list[Row] = []
    problems: list[Problem] = []
    for one in islice(table, count):
        if isinstance(one, Row):
            rows.append(one)
        else:
            problems.append(one)
    if not rows:
        raise InvalidDataError(problems) if problems else whole_file(path, "no rows", "some")
    columns: dict[str, Any] = {}
    for row in rows:
        for name, value in row.values.items():
            if empty(columns.get(name)):
                columns[name] = value
    return Look(kind, tuple(rows), columns, suggested(columns), tuple(table.notes))


def convert(
    source: str | Path, options: ConvertConfig, told: OnShare = lambda share: None
) -> Converted:
    """Write the examples of a file as JSON Lines.

    Args:
        source: A file of one of the kinds of :mod:`shadow_mlx.data.reading.foreign`.
        options: Which columns hold what, and how the file is read.
        told: Hears how far the reading is.

    Raises:
        InputError: The file cannot be read, rows of it cannot be used (all are told), or what
            would be written over is not ours.
        SurroundingsError: The disk refuses.
    """
    path = Path(source)
    kind, table = open_table(path, options)
    output = Path(options.output) if options.output else output_of(path)
    if output.exists() and output.samefile(path):
        raise InputError(f"--output {output}: is the source itself, which stays as it is")
    check_free(output)
    writer = _Writer(path, kind, options)
    before = path.stat()
    notes: list[str] = []
    with new_lines(output, Source.of(path), "convert", said(options), notes) as lines:
        for number, one in enumerate(table, 1):
            if isinstance(one, Row):
                writer.take(one, lines)
            else:
                writer.refuse(one)
            if number % TOLD_EVERY == 0:
                told(table.share)
        format = writer.finish(lines)
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise InputError(f"{path}: was changed while it was read; try again")
        notes += [*table.notes, *writer.notes()]
    return Converted(output, path, kind, format, lines.count, tuple(notes))


class BadRowsError(InvalidDataError):
    """Rows that cannot be used; the message also says how to go on without them.

    Args:
        problems: Those that were kept.
        total: How many there are.
        rows: How many rows have one or more.
        good: How many rows have none.
    """

    def __init__(self, problems: Sequence[Problem], total: int, rows: int, good: int) -> None:
        super().__init__(problems, total)
        if good:
            rest = f"--skip-bad-rows leaves {'it' if rows == 1 else f'these {rows:,} rows'} out"
            self.args = (f"{self}\n{rest}; {good:,} can be used",)


def check_columns(path: Path, columns: ColumnConfig, values: dict[str, Any]) -> None:
    """Refuse a table at once that lacks a column which was named.

    Raises:
        InvalidDataError: With the columns that it has.
    """
    one_each = (
        columns.completion_feature,
        columns.text_feature,
        columns.chat_feature,
        columns.label_feature,
    )
    named = [name for name in one_each if name]
    if columns.prompt_feature:
        named += prompt_columns(values, columns)
    missing = [name for name in named if name not in values]
    if missing:
        found = f"no column {' and no column '.join(map(quoted, missing))}"
        listed = ", ".join(quoted(name) for name in list(values)[:SHOWN_NAMES])
        raise whole_file(path, found, f"columns that are there: {listed}")


@dataclass
class _Writer:
    """Rows to lines: each is checked as it will be read, and what is wrong is collected."""

    path: Path
    kind: ForeignKind
    options: ConvertConfig
    format: Kind | None = None
    problems: list[Problem] = field(default_factory=list)
    bad_rows: int = 0
    problem_count: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.columns = self.options.columns  # made once: as much work as a row

    def take(self, row: Row, lines: Lines) -> None:
        """Write a row as a line, where it is an example."""
        if row.number == 1 and self.kind not in (*DOCUMENTS, "json"):
            check_columns(self.path, self.columns, row.values)
        try:
            example, line = self._line(row)
        except UnknownFormatError as error:
            if not lines.count:  # no row of this file has a known format: one problem
                raise InvalidDataError(self._nameless(row, error)) from None
            self.refuse(*_problems(self.path, row, error))
        except InvalidLineError as error:
            self.refuse(*_problems(self.path, row, error))
        else:
            self.format = self.format or example.kind
            if example.kind != self.format:
                found = f"a {example.kind} after examples of the format {self.format}"
                self.refuse(row.problem(self.path, found, "one format in a file"))
                return
            lines.write(line)
            self.unread.update(
                name
                for name, value in row.values.items()
                if name not in example.own and not empty(value)
            )

    def _nameless(self, row: Row, error: UnknownFormatError) -> list[Problem]:
        """What is wrong with a file whose columns have no known names."""
        problems = _problems(self.path, row, error)
        if self.kind in SEPARATED and self.options.header:
            hint = "; or, where the first row is no row of names: --no-header"
            problems = [dataclasses.replace(p, expected=p.expected + hint) for p in problems]
        return problems

    def _line(self, row: Row) -> tuple[Mapped, bytes]:
        """The example of a row, and the line of it, which reads back."""
        example = mapped(row.values, self.columns)
        line = _as_line(example.made)
        if len(line) > MAX_LINE:
            found = f"an example of {words.file_size(len(line))}"
            raise InvalidLineError([(found, f"one below {words.size(MAX_LINE)}")])
        try:
            parse(line, row.number)
        except InvalidLineError:
            # told by the names of the file, where those say it, too
            parse(_as_line({**row.values, **example.own}), row.number, self.columns)
            raise
        return example, line

    def refuse(self, *problems: Problem) -> None:
        """Count a row that cannot be used."""
        self.bad_rows += 1
        self.problem_count += len(problems)
        self.problems += problems[: KEPT_PROBLEMS - len(self.problems)]

    def finish(self, lines: Lines) -> Kind:
        """The format of what was written.

        Raises:
            InvalidDataError: Rows cannot be used and are not to be skipped, or none is left.
        """
        if self.problems and not (self.options.skip_bad_rows and lines.count):
            raise BadRowsError(self.problems, self.problem_count, self.bad_rows, lines.count)
        if self.format is None:
            raise whole_file(self.path, "no rows", "some")
        return self.format

    def notes(self) -> list[str]:
        """What is left out."""
        notes = []
        if self.bad_rows:
            what = (
                "row that cannot be used is"
                if self.bad_rows == 1
                else "rows that cannot be used are"
            )
            notes.append(f"{self.bad_rows:,} {what} left out; the first: {self.problems[0]}")
        names = [name for name, _ in self.unread.most_common()]
        if names:
            more = f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
            listed = ", ".join(quoted(name) for name in names[:SHOWN_NAMES])
            what = "column that is" if len(names) == 1 else "columns that are"
            notes.append(f"{what} left out: {listed}{more}")
        return notes


def _as_line(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which is told where the line is read
        return json.dumps(value).encode()


def _problems(path: Path, row: Row, error: InvalidLineError) -> list[Problem]:
    return [row.problem(path, *finding) for finding in error.findings]
