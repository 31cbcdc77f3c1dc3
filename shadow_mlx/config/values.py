"""What a value of an option may be: its type, its choices, its range, and how a reader is told."""

from __future__ import annotations

import difflib
import functools
import math
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal

LARGEST_COUNT = 2**31 - 1
"""Of a whole number whose declaration names no other maximum: what MLX takes as a size."""

_LONGEST_SHOWN = 80
_LONGEST_COMPARED = 64  # characters; comparing longer words takes long and finds nothing


def choices_of(hint: Any) -> tuple[str, ...] | None:
    """The values of a ``Literal`` (also inside ``| None`` or a tuple), or ``None``."""
    one = _one_of(hint)
    return typing.get_args(one) if typing.get_origin(one) is Literal else None


def element_of(hint: Any) -> Any:
    """The type of each value of an option that takes several (``tuple[X, ...]``), or ``None``."""
    part = _without_none(hint)
    return typing.get_args(part)[0] if typing.get_origin(part) is tuple else None


def plain_type(hint: Any) -> type:
    """``int`` for ``int | None``, ``str`` for a ``Literal`` of strings, and so on."""
    one = _one_of(hint)
    if typing.get_origin(one) is Literal:
        return str
    assert isinstance(one, type), hint
    return one


def may_be_none(hint: Any) -> bool:
    """Whether the option may be left without a value."""
    return _is_union(hint) and type(None) in typing.get_args(hint)


def describe_type(hint: Any) -> str:
    """A reader's name of a type: ``a whole number``, ``one of depth, layer`` …"""
    chosen = choices_of(hint)
    if chosen:
        return "one of " + ", ".join(chosen)
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names[plain_type(hint)]


def hints_of(declared: type) -> dict[str, Any]:
    """The types of a class's fields."""
    return _hints_of(declared)


@functools.cache
def _hints_of(declared: type) -> dict[str, Any]:
    return typing.get_type_hints(declared)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if there is one."""
    if len(word) > _LONGEST_COMPARED:
        return None
    by_folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(word.strip().casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def shown(value: Any) -> str:
    """A value as a message quotes it: in one line that is not too long."""
    if value is None:
        return "nothing"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, int) and value.bit_length() > 4 * _LONGEST_SHOWN:
        return "a number of many digits"
    if isinstance(value, (int, float)):
        return repr(value)
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def from_text(value: Any, hint: Any) -> Any:
    """``value`` as the type wants it where a file's way of writing it can be read as that.

    YAML reads ``1e-3`` as text, and a form has nothing but text. What cannot be read comes back
    as it is, for :func:`misfit` to tell.
    """
    if isinstance(value, str) and element_of(hint) is not None:
        return (value,)
    target = plain_type(hint)
    if isinstance(value, bool) or target not in (int, float):
        return value
    try:
        if isinstance(value, str):
            return target(value)
        if target is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if target is float and isinstance(value, int):
            return float(value)
    except (ValueError, OverflowError):
        pass
    return value


def misfit(value: Any, hint: Any) -> str | None:
    """What was expected and what was found, if the value is not of its type; else ``None``."""
    if value is None and may_be_none(hint):
        return None
    if (element := element_of(hint)) is not None:
        if not isinstance(value, tuple):
            return f"expected a list, each {describe_type(hint)}, found {shown(value)}"
        return next((wrong for one in value if (wrong := misfit(one, element))), None)
    chosen = choices_of(hint)
    if chosen is not None and isinstance(value, str):
        if value in chosen:
            return None
    elif _fits(value, plain_type(hint)):
        return None
    meant = nearest(value, chosen) if chosen and isinstance(value, str) else None
    hint_at = f" (did you mean {meant}?)" if meant else ""
    return f"expected {describe_type(hint)}, found {shown(value)}{hint_at}"


def out_of_range(
    value: int | float, low: float | None, high: float | None, *, exclusive_low: bool
) -> str | None:
    """What is wrong with a number's size, or ``None``."""
    if low is not None and (value < low or (exclusive_low and value == low)):
        bound = "more than" if exclusive_low else "at least"
        return f"must be {bound} {low:,g}, found {_short(value)}"
    if high is None and isinstance(value, int):
        high = LARGEST_COUNT
    if high is not None and value > high:
        return f"must be at most {high:,.10g}, found {_short(value)}"
    return None


def _short(value: int | float) -> str:
    """A number of any size: a whole one may be too large for a float."""
    if isinstance(value, float) or abs(value) < 10**6:
        return f"{value:g}"
    if abs(value) < 10**18:
        return f"{value:,}"
    return f"a number of some {value.bit_length() * 0.30103:.0f} digits"


def _fits(value: Any, target: type) -> bool:
    if isinstance(value, bool) or target is bool:
        return isinstance(value, bool) and target is bool
    if target is not float:
        return isinstance(value, target)
    if not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _one_of(hint: Any) -> Any:
    """The type of one value: without ``None``, and the element's where there are several."""
    return element_of(hint) or _without_none(hint)


def _without_none(hint: Any) -> Any:
    if not _is_union(hint):
        return hint
    return next(part for part in typing.get_args(hint) if part is not type(None))


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (types.UnionType, typing.Union)
