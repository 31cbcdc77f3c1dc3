"""Files that are one JSON document, which begins on their first line and goes on behind it."""

from __future__ import annotations

import shlex

from shadow_mlx.data.reading.beginnings import breaks_off, is_object
from shadow_mlx.data.reading.lines import MAX_LINE, LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError, Problem


def refuse_document(lines: LineIndex) -> None:
    """Refuse a file that is one JSON array or object over several lines.

    An array is one when its first line begins it and does not end it: no record begins with
    ``[``. An object is one when its first line breaks off and the next is no object of its own.

    Raises:
        InvalidDataError: It is one; with how to write its records one a line.
    """
    if lines.length(0) > MAX_LINE:
        return
    first = lines.read(0)
    if not first.startswith((b"[", b"{")) or not breaks_off(first):
        return
    found, command = "one JSON document spread over lines", "jq -c ."
    if first.startswith(b"["):
        found, command = f"a JSON array: {found}", "shadow-mlx data convert"
    elif len(lines) == 1 or lines.length(1) > MAX_LINE or is_object(lines.read(1)):
        return
    name = shlex.quote(lines.path.name)
    expected = f"one JSON object a line ({command} {name} writes them so)"
    raise InvalidDataError([Problem(lines.path, int(lines.numbers[0]), found, expected)])
