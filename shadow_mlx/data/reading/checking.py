"""The check of every line of a file."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.columns import AS_NAMED, Kind, UnknownFormatError
from shadow_mlx.data.reading.notices import Notice, Notices, sentences
from shadow_mlx.data.reading.prints import Prints
from shadow_mlx.data.reading.problems import InvalidDataError, Problem, quoted
from shadow_mlx.data.reading.records import JsonLines, Record

KEPT_PROBLEMS = 1000
"""Problems of one file that are kept word by word; beyond that they are only counted."""

KEPT_NAMES = 1000
"""Names of columns, keys and labels that are counted one by one; a file of more is no table."""

SHOWN_NAMES = 10
"""Unread columns that have a sentence each."""


@dataclass
class CheckReport:
    """What a look at every line of a file found.

    Attributes:
        path: The file.
        done: Lines that were looked at.
        records: Lines that are in order.
        file_bytes: Size of the file.
        kinds: Formats, each with its lines.
        turns: Assistant turns of chats.
        tool_records: Records with tools.
        labels: Labels of texts, each with its lines.
        problems: The first thousand of ``problem_count``.
        problem_count: All of them.
        notices: What is left out of records or stands out in them, counted.
        unread: Columns that nothing reads, each with its lines.
        message_keys: Keys of messages that only some chat templates read, each with its lines.
        absent: Named columns, each with the lines that lack it.
        prints: Tells same records from others.
    """

    path: Path
    done: int = 0
    records: int = 0
    file_bytes: int = 0
    kinds: dict[Kind, int] = field(default_factory=dict)
    turns: int = 0
    tool_records: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    notices: Notices = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    message_keys: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    prints: Prints = field(default_factory=Prints)

    @property
    def kind(self) -> Kind | None:
        """The format of the file; ``None`` when no line could be read."""
        return next(iter(self.kinds), None)

    def add(self, problem: Problem, count: int = 1) -> None:
        """Count one problem (or several alike), and keep it while there are few."""
        self.problem_count += count
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)

    def count(self, record: Record) -> None:
        """Count one record that is in order."""
        self.records += 1
        self.kinds[record.kind] = self.kinds.get(record.kind, 0) + 1
        if record.kind == "chat":
            self.turns += sum(m["role"] == "assistant" for m in record.messages)
        self.tool_records += record.tools is not None
        if record.notices:
            self.notices.update(record.notices)
        for names, counts in (
            (record.unread, self.unread),
            (record.message_keys, self.message_keys),
            (record.absent, self.absent),
            (record.labels, self.labels),
        ):
            if names:
                counts.update(n for n in names if n in counts or len(counts) < KEPT_NAMES)
        self.prints.add(record)

    def notes(self) -> list[str]:
        """What a person should know of the file besides its problems, one sentence each."""
        found: Notices = Counter()
        columns = self.unread.most_common()
        for name, lines in columns[:SHOWN_NAMES]:
            found[_unread_column(name)] = lines
        if len(columns) > SHOWN_NAMES:
            found[_MORE_COLUMNS] = len(columns) - SHOWN_NAMES
        found.update(self.notices)
        notes = sentences(found)
        repeats = self.prints.repeats()
        if repeats.examples:
            first = f"the first: line {repeats.line:,} is line {repeats.earlier:,} again"
            many = "example repeats an earlier one"
            several = "examples repeat earlier ones"
            notes.append(f"{Notice(many, several).counted(repeats.examples)} ({first})")
        notes += [
            f"no line has the column {quoted(name)}, which --prompt-feature names"
            for name, lines in self.absent.items()
            if lines == self.records
        ]
        return notes


_MORE_COLUMNS = Notice(
    "more column that nothing reads",
    "more columns that nothing reads",
)


def _unread_column(name: str) -> Notice:
    column = f"the column {quoted(name)}, which nothing reads"
    return Notice(f"line has {column}", f"lines have {column}")


def check_file(path: str | Path, columns: ColumnConfig = AS_NAMED) -> CheckReport:
    """Read and validate every line of a file. Problems are reported, never raised."""
    report = CheckReport(Path(path))
    try:
        source = JsonLines(path, columns)
    except InvalidDataError as error:
        report.add(error.problems[0])
        report.file_bytes = report.path.stat().st_size if report.path.is_file() else 0
        return report
    (report,) = deque(check_lines(source), maxlen=1)
    source.lines.close()
    return report


def check_lines(source: JsonLines) -> Iterator[CheckReport]:
    """Validate line by line; yields the same growing report after each, and whole at the end.

    A file of which no line has a known format is one problem, not one for each line.
    """
    report = CheckReport(source.path, file_bytes=source.path.stat().st_size)
    unknown = CheckReport(source.path)  # lines of no known format, while there is nothing else
    first_line: dict[Kind, int] = {}
    for i in range(len(source)):
        try:
            record = source[i]
        except InvalidDataError as error:
            only_unknown = not report.records and not report.problem_count
            if only_unknown and isinstance(error.__cause__, UnknownFormatError):
                unknown.add(error.problems[0])
            else:
                unknown = _moved(unknown, report)
                for problem in error.problems:
                    report.add(problem)
        else:
            unknown = _moved(unknown, report)
            report.count(record)
            first_line.setdefault(record.kind, record.line)
        report.done += 1
        yield report
    if unknown.problems:
        first = unknown.problems[0]
        report.add(Problem(source.path, None, first.found, first.expected))
    if len(first_line) > 1:
        found = " and ".join(f"{kind} (first on line {n})" for kind, n in first_line.items())
        report.add(Problem(source.path, None, f"mixed formats: {found}", "one format in a file"))
    yield report


def _moved(held: CheckReport, report: CheckReport) -> CheckReport:
    """Put what was held back into the report; returns an empty one to hold more."""
    if not held.problem_count:
        return held
    for problem in held.problems:
        report.add(problem)
    report.problem_count += held.problem_count - len(held.problems)
    return CheckReport(held.path)
