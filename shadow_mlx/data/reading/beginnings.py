"""How a file of text begins: its byte-order mark, its blanks, a JSON document on its first line.

Nothing heavy is imported here: the UI looks at files before it draws.
"""

from __future__ import annotations

import json
import re

BLANK = b" \t\r\v\f"
MARK = b"\xef\xbb\xbf"
_LEAD = re.compile(rb"(?:[ \t\r\v\f]|\xef\xbb\xbf)+")
_ENCODINGS = (
    (MARK, "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),  # before UTF-16, whose mark it begins with
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def marked_encoding(head: bytes) -> str | None:
    """The encoding that the byte-order mark of a file tells of; ``None`` without one."""
    return next((name for mark, name in _ENCODINGS if head.startswith(mark)), None)


def bare(line: bytes) -> bytes:
    """A line without the blanks around it and the byte-order marks in front of it."""
    lead = _LEAD.match(line)
    return line[lead.end() if lead else 0 :].rstrip(BLANK)


def begins_array(first: bytes, *, alone: bool) -> bool:
    """Whether a file is one JSON array, by its first line and by whether that is all there is."""
    if not first.startswith(b"["):
        return False
    return breaks_off(first) or (alone and first.endswith(b"]"))


def breaks_off(line: bytes) -> bool:
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


def is_object(line: bytes) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (RecursionError, ValueError):
        return False
