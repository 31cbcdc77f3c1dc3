"""Looking at data files without a tokenizer: pages of records, and the check of every line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from shadow_mlx.data.lines import MAX_LINE, LineIndex
from shadow_mlx.data.problems import InvalidDataError
from shadow_mlx.data.schema import InvalidLineError, Record, parse
from shadow_mlx.errors import DataError
from shadow_mlx.worker import messages as m

SLICE_SECONDS = 0.05
"""How long the check works before it looks whether something else is asked."""

KEPT_PROBLEMS = 1000
LARGE = 64 << 20
"""Bytes from which on a file's first page is read before the file is indexed."""


def serve(request: m.Request) -> Iterator[m.Reply]:
    """Replies to :class:`~shadow_mlx.worker.messages.ReadPage` and ``Check``."""
    if isinstance(request, m.ReadPage):
        yield _page(request)
    elif isinstance(request, m.Check):
        yield from _check(request)


def view(record: Record) -> m.RecordView:
    """A record as its parts by role."""
    if record.kind == "chat":
        parts = [(str(x["role"]), _content(x)) for x in record.messages]
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
    if request.start == 0 and path.is_file() and path.stat().st_size > LARGE:
        return _first_page(request)
    lines = index(request.path)
    wanted = range(request.start, min(request.start + request.count, len(lines)))
    records = [_read(lines.read(i), int(lines.numbers[i]), lines.length(i)) for i in wanted]
    return m.Page(request.id, request.start, len(lines), records)


def _first_page(request: m.ReadPage) -> m.Page:
    """Straight from the beginning of the file, which may be huge."""
    records = []
    with Path(request.path).open("rb") as file:
        for number, line in enumerate(islice(_limited(file), 10 * request.count), 1):
            if line.strip():
                records.append(_read(line.strip(b"\xef\xbb\xbf \t\r\n"), number, len(line)))
            if len(records) == request.count:
                break
    return m.Page(request.id, 0, None, records)


def _limited(file: object) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE + 1):  # type: ignore[attr-defined]
        yield line


def _read(raw: bytes, number: int, length: int) -> m.RecordView:
    if length > MAX_LINE:
        return m.RecordView(number, "", [], f"one line of {length / 1e6:,.1f} MB")
    try:
        return view(parse(raw, number))
    except InvalidLineError as error:
        return m.RecordView(number, "", [("line", raw[:4000].decode(errors="replace"))], str(error))


def _check(request: m.Check) -> Iterator[m.Reply]:
    try:
        lines = index(request.path)
    except InvalidDataError as error:
        problem = error.problems[0]
        view = m.ProblemView(0, -1, problem.found, problem.expected)
        yield m.Checked(request.id, 0, 0, 0, {}, 0, 1, [view], True)
        return
    records = turns = count = kept = 0
    kinds: dict[str, int] = {}
    fresh: list[m.ProblemView] = []
    deadline = time.monotonic() + SLICE_SECONDS
    for i in range(len(lines)):
        number = int(lines.numbers[i])
        try:
            if lines.length(i) > MAX_LINE:
                found = f"one line of {lines.length(i) / 1e6:,.1f} MB"
                raise InvalidLineError([(found, f"each below {MAX_LINE / 1e6:.0f} MB")])
            record = parse(lines.read(i), number)
        except InvalidLineError as error:
            for found, expected in error.findings:
                count += 1
                if kept < KEPT_PROBLEMS:
                    kept += 1
                    fresh.append(m.ProblemView(number, i, found, expected))
        else:
            records += 1
            kinds[record.kind] = kinds.get(record.kind, 0) + 1
            turns += sum(x["role"] == "assistant" for x in record.messages)
        if time.monotonic() > deadline:
            yield m.Checked(
                request.id, i + 1, len(lines), records, dict(kinds), turns, count, fresh, False
            )
            fresh, deadline = [], time.monotonic() + SLICE_SECONDS
    if len(kinds) > 1:
        count += 1
        mixed = " and ".join(f"{n:,} {kind}" for kind, n in kinds.items())
        fresh.append(m.ProblemView(0, -1, f"mixed formats: {mixed}", "one format in a file"))
    total = len(lines)
    yield m.Checked(request.id, total, total, records, kinds, turns, count, fresh, True)


def _content(message: object) -> str:
    assert isinstance(message, dict)
    text = str(message["content"])
    calls = message.get("tool_calls")
    return f"{text}\n{calls}".strip() if calls else text
