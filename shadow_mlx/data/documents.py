"""Files that are one JSON document, which begins on their first line and goes on behind it."""

from __future__ import annotations

import json

from shadow_mlx.data.lines import MAX_LINE
from shadow_mlx.data.problems import Problem
from shadow_mlx.data.records import JsonLines


def whole_document(source: JsonLines) -> Problem | None:
    """The problem of a file that is one JSON array or object over several lines.

    An array is one when its first line begins it and does not end it: no record begins with
    ``[``. An object is one when its first line breaks off and the next does not begin a new one.
    """
    lines = source.lines
    if lines.length(0) > MAX_LINE:
        return None
    first = lines.read(0)
    if not first.startswith((b"[", b"{")) or not _breaks_off(first):
        return None
    spread = "one JSON document spread over lines"
    expected = "one JSON object a line"
    if first.startswith(b"["):
        found = f"a JSON array: {spread}"
        command = f"jq -c '.[]' {source.path.name} > {source.path.stem}.jsonl"
        return Problem(source.path, source.line_number(0), found, f"{expected} ({command})")
    if len(lines) == 1 or lines.length(1) > MAX_LINE or lines.read(1).startswith(b"{"):
        return None
    return Problem(source.path, source.line_number(0), spread, f"{expected} (jq -c . does it)")


def _breaks_off(line: bytes) -> bool:
    """Whether a line is the beginning of a JSON value and not the whole of it."""
    try:
        text = line.decode("utf-8")
        json.loads(text)
    except UnicodeDecodeError:
        return False
    except json.JSONDecodeError as error:
        return text.startswith("[") or error.pos >= len(text) or "Unterminated" in error.msg
    except (RecursionError, ValueError):
        return False
    return False
