"""One line of bytes to JSON: UTF-8, no NaN, no broken characters, nothing said twice, not too deep.

What comes out can be walked by recursion, written as JSON again and encoded as UTF-8.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NoReturn

from shadow_mlx.files.json_files import deeper_than

Finding = tuple[str, str]  # (found, expected)

MAX_DEPTH = 100
"""Levels of arrays and objects inside each other; Python and Jinja end at some 900."""

ONE_OBJECT = "one JSON object on a line"

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class InvalidLineError(ValueError):
    """A line that is no record; ``findings`` are pairs of what was found and what was expected."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"found {a}; expected {b}" for a, b in findings))


def read_json(raw: bytes) -> Any:
    """The JSON value of a line.

    Raises:
        InvalidLineError: The line is not UTF-8, or its text is none that :func:`read_text` takes.
    """
    if b"\0" in raw:
        raise _invalid("zero bytes (as UTF-16 text and binary files have them)", "UTF-8 text")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        found = f"the byte 0x{byte:02x} at position {error.start + 1}, which is not UTF-8"
        raise _invalid(found, "UTF-8 text") from None
    return read_text(text)


def read_text(text: str) -> Any:
    """The JSON value of a text.

    Raises:
        InvalidLineError: It is not JSON, has what JSON does not have (NaN), a number that no
            computer holds, half a character, two values for one key, or too many levels.
    """
    try:
        value = _DECODER.decode(text)
    except InvalidLineError:
        raise
    except json.JSONDecodeError as error:
        where = f"at column {error.pos + 1}{_odd(text[error.pos : error.pos + 1])}"
        said = error.msg.removesuffix(" at")  # some of its words go on with the place
        raise _invalid(f"broken JSON ({said} {where})", ONE_OBJECT) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # Python's own limit
        raise _invalid("a number of thousands of digits", "a number as computers hold it") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _invalid(found: str, expected: str) -> InvalidLineError:
    return InvalidLineError([(found, expected)])


def _too_deep() -> InvalidLineError:
    return _invalid(f"JSON nested too deeply (over {MAX_DEPTH} levels)", "a plain record")


def _odd(character: str) -> str:
    """The name of a character that an editor does not show."""
    if not character or (character.isprintable() and character.isascii()):
        return ""
    name = unicodedata.name(character, "a control character")
    return f": U+{ord(character):04X}, {name}"


def _refuse_constant(name: str) -> NoReturn:
    raise _invalid(f"{name}, which JSON does not have", "a number, text or null")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _invalid(f"the number {text[:40]}", "a number as computers hold it")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; JSON lets a key stand twice, and all but the last value would be lost."""
    value = dict(pairs)
    if len(value) < len(pairs):
        for key, item in pairs:
            if item != value[key]:
                found = f"the key {key[:40]!r} twice in one object, with different values"
                raise _invalid(found, "each key once")
    return value


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object
)


def _check_surrogates(value: Any) -> None:
    """``"\\ud83d"`` alone is legal JSON and no text at all: a tokenizer cannot encode it."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        found = "half of a surrogate pair (\\ud800 to \\udfff)"
        raise _invalid(found, "whole characters") from None
