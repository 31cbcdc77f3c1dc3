"""The check of every line of a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.columns import AS_NAMED, Kind, UnknownFormatError
from shadow_mlx.data.problems import InvalidDataError, Problem
from shadow_mlx.data.records import JsonLines, Record

KEPT_PROBLEMS = 1000
"""Problems of one file that are kept word by word; beyond that they are only counted."""


@dataclass
class CheckReport:
    """What a look at every line of a file found.

    ``problems`` keeps the first thousand of ``problem_count``; ``turns`` counts assistant turns;
    ``done`` counts the lines that were looked at.
    """

    path: Path
    done: int = 0
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

    def add(self, problem: Problem, count: int = 1) -> None:
        """Count one problem (or several alike), and keep it while there are few."""
        self.problem_count += count
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)

    def count(self, record: Record) -> None:
        """Count one record that is in order."""
        self.records += 1
        self.kinds[record.kind] = self.kinds.get(record.kind, 0) + 1
        self.turns += sum(m["role"] == "assistant" for m in record.messages)
        self.tool_records += record.tools is not None


def check_file(path: str | Path, columns: ColumnConfig = AS_NAMED) -> CheckReport:
    """Read and validate every line of a file. Problems are reported, never raised."""
    report = CheckReport(Path(path))
    try:
        source = JsonLines(path, columns)
    except InvalidDataError as error:
        report.add(error.problems[0])
        return report
    (report,) = deque(check_lines(source), maxlen=1)
    source.lines.close()
    return report


def check_lines(source: JsonLines) -> Iterator[CheckReport]:
    """Validate line by line; yields the same growing report after each, and whole at the end.

    A file of which no line has a known format is one problem, not one for each line.
    """
    report = CheckReport(source.path, file_bytes=source.path.stat().st_size)
    if source.lines.length(0) <= 2 and source.lines.read(0) in (b"[", b"{"):
        found = "one JSON document spread over lines"
        report.add(Problem(source.path, source.line_number(0), found, "one JSON object a line"))
        yield report
        return
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
    for problem in held.problems:
        report.add(problem)
    report.problem_count += held.problem_count - len(held.problems)
    return CheckReport(held.path)
