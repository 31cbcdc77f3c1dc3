"""Text from models and data files, made safe for a terminal.

A model's answer or a line of a data file may hold escape sequences that move the cursor, change
the title or hide text. Everything of that origin passes through :func:`visible` before printing.
"""

from __future__ import annotations

import re

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""C0 controls but tab and newline, DEL and C1, direction overrides, line separators, and lone
surrogates (which could not even be encoded)."""


def visible(text: str) -> str:
    """``text`` with every control character replaced by one a reader can see.

    Tabs and newlines stay. ``ESC`` becomes ``␛`` (and so on for the other C0 controls), what has
    no picture becomes an escape such as ``\\x9b`` or ``\\u202e``.
    """
    return UNSAFE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
