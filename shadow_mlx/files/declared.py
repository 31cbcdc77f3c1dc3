"""Values of a record that may be damaged, held against the types that a dataclass declares."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

One = TypeVar("One")
Reader = Callable[[Any], Any]

COUNTED = 2**53
"""What a whole number stays below: a float holds it exactly, and nothing here counts as far."""

MEASURED = 1e39
"""What a measured number stays below: more than a float32 holds."""


class UnfitError(ValueError):
    """A value is not of the declared type."""


def build(kind: type[One], values: Mapping[str, Any]) -> One:
    """A dataclass of values that were read; keys that it does not declare are left out.

    Whole numbers are counts, from 0. For a float, null means nan, and nan is no damage.

    Raises:
        UnfitError: A field without a default is missing, or a value is not of its type.
    """
    readers = _READERS.get(kind)
    if readers is None:
        readers = _READERS[kind] = _readers(kind)
    known = {name: read(values[name]) for name, read in readers.items() if name in values}
    try:
        return kind(**known)
    except TypeError:
        raise UnfitError(f"{kind.__name__}: a field is missing") from None


def reader(hint: Any) -> Reader:
    """What turns a value into the type ``hint``, or raises :class:`UnfitError`.

    Args:
        hint: A literal, an optional type, a mapping of names, a tuple of any length, bool, int,
            float or str.
    """
    if get_origin(hint) is tuple:
        read = reader(get_args(hint)[0])
        return lambda value: _tuple(value, read)
    if get_origin(hint) is Mapping:
        read = reader(get_args(hint)[1])
        return lambda value: _mapping(value, read)
    if get_origin(hint) is Literal:
        return lambda value: _literal(value, get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (reader(one) for one in get_args(hint) if one is not type(None))
        return lambda value: None if value is None else inner(value)
    return {bool: _bool, int: _int, float: _float, str: _str}[hint]


def _literal(value: Any, allowed: tuple[Any, ...]) -> Any:
    if isinstance(value, str) and value in allowed:
        return value
    raise UnfitError(f"expected one of {allowed}")


def _mapping(value: Any, read: Reader) -> Any:
    if isinstance(value, Mapping):
        return {name: read(one) for name, one in value.items()}
    raise UnfitError(f"expected names with values, found {type(value).__name__}")


def _tuple(value: Any, read: Reader) -> tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(read, value))
    raise UnfitError(f"expected a list, found {type(value).__name__}")


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise UnfitError(f"expected true or false, found {type(value).__name__}")


def _int(value: Any) -> int:
    if type(value) is int and 0 <= value < COUNTED:
        return value
    raise UnfitError(f"expected a count, found {type(value).__name__}")


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, float) and math.isnan(value):
        return value
    if type(value) in (int, float) and abs(value) < MEASURED:
        return float(value)
    raise UnfitError(f"expected a number, found {type(value).__name__}")


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise UnfitError(f"expected text, found {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no terminal can be sent
        raise UnfitError("expected text of whole characters") from None
    return value


def _readers(kind: type) -> dict[str, Reader]:
    hints = get_type_hints(kind)
    return {field.name: reader(hints[field.name]) for field in dataclasses.fields(kind)}


_READERS: dict[type, dict[str, Reader]] = {}
