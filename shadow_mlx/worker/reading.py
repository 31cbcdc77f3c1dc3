"""Looking at data files without a tokenizer: pages of records, and the check of every line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from shadow_mlx import words
from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.converting.origin import made_of
from shadow_mlx.data.reading.beginnings import bare
from shadow_mlx.data.reading.checking import CheckReport, check_lines
from shadow_mlx.data.reading.columns import UnknownFormatError, suggest
from shadow_mlx.data.reading.label_files import labels_of
from shadow_mlx.data.reading.labels import Labels
from shadow_mlx.data.reading.lines import MAX_LINE, LineIndex
from shadow_mlx.data.reading.message_flags import REASONING_KEY
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.reading.schema import InvalidLineError, Message, Record, parse, read_object
from shadow_mlx.data.reading.splits import overlaps
from shadow_mlx.errors import DataError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m

SLICE_SECONDS = 0.05
"""How long the check works before it looks whether something else is asked."""

Line = tuple[bytes, int, int]
"""A line's bytes, its number from 1, and its length in bytes where they were cut."""

SAMPLE = 200
"""Characters of a column's value that are shown."""

MOST_WHOLE = 8
"""Reports of whole files that are kept."""

LARGE = 64 << 20
"""Bytes from which on a file's first page is read before the file is indexed."""


def serve(
    request: m.Request, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Replies to :class:`~shadow_mlx.worker.messages.ReadPage` and ``Check``."""
    if isinstance(request, m.ReadPage):
        yield _page(request)
    elif isinstance(request, m.Check):
        yield from _check(request)


def view(record: Record) -> m.RecordView:
    """A record as its parts by role."""
    if record.kind in ("chat", "label") or len(record.messages) > 2:  # a system text, earlier turns
        parts = [part for message in record.messages for part in _parts(message)]
    elif record.kind == "completion":
        parts = [("prompt", record.prompt), ("completion", record.completion)]
    else:
        parts = [("text", record.text)]
    return m.RecordView(record.line, record.kind, parts)


def index(path: str) -> LineIndex:
    """The file's lines, kept while the file stays the same."""
    file = Path(path)
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return _index(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _index(path: str, _size: int, _changed: int) -> LineIndex:
    return LineIndex(Path(path))


def _page(request: m.ReadPage) -> m.Page:
    path = Path(request.path)
    columns = ColumnConfig.from_mapping(request.columns, where="columns")
    if request.start == 0 and path.is_file() and path.stat().st_size > LARGE:
        lines, total = _first_lines(path, request.count), None
    else:
        known = index(request.path)
        total = len(known)
        wanted = range(request.start, min(request.start + request.count, total))
        lines = [(known.read(i), int(known.numbers[i]), known.length(i)) for i in wanted]
    labels = labels_of(path, columns)
    records = [_read(*line, columns, labels) for line in lines]
    found = _columns(raw for raw, _, length in lines if length <= MAX_LINE)
    return m.Page(
        request.id,
        request.start,
        total,
        records,
        list(found.items()),
        suggest(found),
        known=not found or any(record.kind for record in records),
    )


def _first_lines(path: Path, count: int) -> list[Line]:
    """Straight from the beginning of the file, which may be huge."""
    found: list[Line] = []
    with path.open("rb") as file:
        for number, line in enumerate(islice(_limited(file), 10 * count), 1):
            if stripped := bare(line.removesuffix(b"\n")):
                found.append((stripped, number, len(line)))
            if len(found) == count:
                break
    return found


def _limited(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE + 1):
        yield line


def _read(
    raw: bytes, number: int, length: int, columns: ColumnConfig, labels: Labels
) -> m.RecordView:
    if length > MAX_LINE:
        return m.RecordView(number, "", [], f"one line of {words.file_size(length)}")
    try:
        return view(parse(raw, number, columns, labels))
    except UnknownFormatError as error:
        return m.RecordView(number, "", list(_columns([raw]).items()), str(error))
    except InvalidLineError as error:
        return m.RecordView(number, "", [("line", raw[:4000].decode(errors="replace"))], str(error))


def _columns(lines: Iterable[bytes]) -> dict[str, str]:
    """The columns of some lines, each with the first value that says something."""
    found: dict[str, str] = {}
    for raw in lines:
        try:
            value = read_object(raw)
        except InvalidLineError:
            continue
        for name, item in value.items():
            if not found.get(name):
                text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
                found[name] = text[:SAMPLE]
    return found


def _check(request: m.Check) -> Iterator[m.Reply]:
    columns = ColumnConfig.from_mapping(request.columns, where="columns")
    try:
        source = JsonLines(request.path, columns, index(request.path))
    except InvalidDataError as error:
        problem = error.problems[0]
        view = m.ProblemView(0, -1, problem.found, problem.expected)
        yield m.Checked(request.id, 0, 0, 0, {}, 0, 1, [view], True)
        return
    sent, deadline = 0, time.monotonic() + SLICE_SECONDS
    report = CheckReport(source.path)
    for report in check_lines(source):
        if time.monotonic() > deadline:
            yield _checked(request.id, source, report, sent)
            sent, deadline = len(report.problems), time.monotonic() + SLICE_SECONDS
    reports = {str(source.path): report}
    for other in request.beside:
        for found in _of_the_set(other, columns):
            reports[other] = found
            if time.monotonic() > deadline:
                yield _checked(request.id, source, report, sent)
                sent, deadline = len(report.problems), time.monotonic() + SLICE_SECONDS
    in_order = [reports[one] for one in request.beside if one in reports]
    notes = [*made_of(source.path), *report.notes(), *map(str, overlaps(in_order))]
    yield _checked(request.id, source, report, sent, notes)


_whole: dict[tuple[object, ...], CheckReport] = {}
"""Reports of whole files of a data set, which are asked for with each of its files."""


def _of_the_set(path: str, columns: ColumnConfig) -> Iterator[CheckReport]:
    """The report of a file as it grows, or as it is known; nothing of a file that is none."""
    try:
        stat = Path(path).stat()
        key = (path, stat.st_size, stat.st_mtime_ns, columns)
        if key not in _whole:
            report = CheckReport(Path(path))
            for report in check_lines(JsonLines(path, columns, index(path))):
                yield report
            if len(_whole) > MOST_WHOLE:
                _whole.clear()
            _whole[key] = report
    except (OSError, DataError):  # said where the file itself is looked at
        return
    yield _whole[key]


def _checked(
    number: int, source: JsonLines, report: CheckReport, sent: int, notes: list[str] | None = None
) -> m.Checked:
    """The report so far, with the problems that were not sent yet; with notes, the last one."""
    problems = [
        m.ProblemView(p.line or 0, _record_at(source, p.line), p.found, p.expected)
        for p in report.problems[sent:]
    ]
    kinds: dict[str, int] = dict(report.kinds.items())
    return m.Checked(
        number, report.done, len(source), report.records, kinds, report.turns,
        report.problem_count, problems, notes is not None, notes or [],
    )  # fmt: skip


def _record_at(source: JsonLines, line: int | None) -> int:
    return -1 if line is None else int(np.searchsorted(source.lines.numbers, line))


def _parts(message: Message) -> Iterator[m.Pair]:
    role = str(message["role"])
    if REASONING_KEY in message:
        yield f"{role} (reasoning)", str(message[REASONING_KEY])
    text = str(message["content"])
    calls = message.get("tool_calls")
    untrained = " (not trained)" if message.get("weight") == 0 else ""
    yield role + untrained, f"{text}\n{calls}".strip() if calls else text
