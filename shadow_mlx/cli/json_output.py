"""What every ``--json`` prints: figures that JSON has, and text that drives no terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from shadow_mlx.terminal import UNSAFE

LEVELS = 50
"""How deep values are shown."""


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON on stdout; see :func:`as_json`."""
    text = as_json(value)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a narrow locale, whose own escapes are not those of JSON
        text = as_json(value, ascii_only=True)
    print(text)


def as_json(value: Any, *, ascii_only: bool = False) -> str:
    """``value`` as indented JSON that any reader takes and any terminal can show.

    Numbers that are not finite become null. Text stays readable, but for characters that drive a
    terminal or cannot be encoded (control characters, direction overrides, line separators, lone
    surrogates): those are escaped, so that a reader of the JSON gets them as they were.

    Args:
        value: Plain values: mappings, lists, tuples, text, numbers, None.
        ascii_only: Escape everything beyond ASCII.
    """
    text = json.dumps(finite(value), ensure_ascii=ascii_only, indent=2, allow_nan=False)
    return UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def finite(value: Any, levels: int = LEVELS) -> Any:
    """``value`` with None for each number in it that is not finite, and ``"…"`` below the levels.

    Figures are never that deep; the record of a damaged adapter may be.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping | list | tuple) and not levels:
        return "…"
    if isinstance(value, Mapping):
        return {key: finite(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item, levels - 1) for item in value]
    return value
