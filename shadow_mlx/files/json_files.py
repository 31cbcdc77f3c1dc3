"""One JSON object in a file that somebody else may have written: read strictly, or one reason.

Python's own reader accepts what no JSON has, and fails in five ways; what it gives may still be too
deep for the recursive functions of those who use it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from shadow_mlx import words

DEEPEST = 64
"""Levels of lists and objects in each other; no configuration has a quarter of them."""

LARGEST = 256 << 20
"""Bytes; the largest tokenizers in use have some 40 million."""


class JsonFileError(ValueError):
    """The file holds no usable JSON object; the message says what was found."""


def read_object(path: Path, *, strict: bool = False) -> dict[str, Any]:
    """The object in a file.

    Args:
        path: The file.
        strict: Refuse also NaN, infinity and keys that stand twice, which other programs write.

    Raises:
        OSError: It cannot be read.
        JsonFileError: It is not UTF-8, not JSON, no object, or nested too deeply.
    """
    if (size := path.stat().st_size) > LARGEST:
        raise JsonFileError(f"too large for a configuration ({words.size(size)})")
    return parse_object(path.read_bytes(), strict=strict)


def parse_object(raw: bytes, *, strict: bool = False) -> dict[str, Any]:
    """:func:`read_object` of a file's bytes.

    Raises:
        JsonFileError: See there.
    """
    try:
        value = (_STRICT if strict else _LENIENT).decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise JsonFileError(
            f"not valid JSON: not UTF-8: the byte 0x{byte:02x} at position {error.start + 1}"
        ) from None
    except JsonFileError:
        raise
    except RecursionError:
        raise JsonFileError(_too_deep()) from None
    except ValueError as error:  # also a number of thousands of digits
        raise JsonFileError(f"not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise JsonFileError(f"expected an object, found {kind_of(value)}")
    if deeper_than(value, DEEPEST):
        raise JsonFileError(_too_deep())
    return value


def kind_of(value: Any) -> str:
    """What a JSON value is, in words, with the value itself where it is short."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _too_deep() -> str:
    return f"nested too deeply: more than {DEEPEST} lists or objects in each other"


def deeper_than(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in each other in more than so many levels.

    Looks at one level after the other, so that no depth is too deep for the test itself.
    """
    level = [value]
    for _ in range(levels):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> Any:
    raise JsonFileError(f"not valid JSON: {name}, where a number is expected")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise JsonFileError(f"{json.dumps(twice)} stands twice in one object")
    return found


_LENIENT = json.JSONDecoder()
_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
