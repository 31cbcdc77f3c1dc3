"""What an operation of a chat template would make, told before it makes it.

Whatever can make much out of little is listed here: operators, methods of texts and numbers, and
filters. All else makes at most a few times of what it is given, and is looked at afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any

from jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter

from shadow_mlx.data.chat.budget import ENTRY, MOST_BITS, TEXTS, Budget, number_too_large

MOST_INDENT = 64
"""Columns that one level of JSON may be indented by."""

_NUMBER = re.compile(r"\d+")
_FIELD = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|\d*)(?:\.(\*|\d*))?")

Arguments = tuple[Sequence[Any], Mapping[str, Any]]


def times(budget: Budget, left: Any, right: Any) -> None:
    """The price of ``left * right``."""
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MOST_BITS:
            raise number_too_large()
        return
    if isinstance(left, int):
        left, right = right, left
    if isinstance(left, Sized) and isinstance(right, int):
        each = 1 if isinstance(left, str | bytes) else ENTRY
        budget.afford(each * len(left) * right)


def power(left: Any, right: Any) -> None:
    """The price of ``left ** right``."""
    whole = isinstance(left, int) and isinstance(right, int) and right > 0 and abs(left) > 1
    if whole and left.bit_length() * right > MOST_BITS:
        raise number_too_large()


def percent(budget: Budget, left: Any, right: Any) -> None:
    """The price of ``left % right`` where it formats a text."""
    if not isinstance(left, str | bytes):
        return
    text = left if isinstance(left, str) else left.decode("latin-1")
    fields = _FIELD.findall(text)
    widths = sum(_whole(number) for field in fields for number in field)
    if any("*" in field for field in fields):
        given = right if isinstance(right, tuple) else (right,)
        widths += sum(abs(one) for one in given if isinstance(one, int))
    uses = len(fields) if isinstance(right, Mapping) else 1
    budget.afford(len(text) + widths + uses * budget.weigh(right))


class Measuring(SandboxedFormatter):
    """``str.format`` that looks at every width before it is filled."""

    def __init__(self, environment: SandboxedEnvironment, budget: Budget) -> None:
        super().__init__(environment)
        self._budget = budget
        self._total = 0

    def format_field(self, value: Any, format_spec: str) -> Any:
        """One field, once its price is known."""
        widths = sum(_whole(number) for number in _NUMBER.findall(str(format_spec)))
        self._total += widths + self._budget.weigh(value)
        self._budget.afford(self._total)
        return super().format_field(value, format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """``!r`` and ``!s`` write whatever they are given."""
        self._budget.weigh(value)
        return super().convert_field(value, conversion)


def method(
    budget: Budget, owner: Any, name: str, args: list[Any], named: Mapping[str, Any]
) -> None:
    """The price of a method of a text or a number; ``args`` are made ready for it."""
    if isinstance(owner, TEXTS):
        if name in _METHODS:
            budget.afford(_METHODS[name](budget, owner, args, named))
    elif isinstance(owner, int) and name == "to_bytes":
        budget.afford(_number(_argument(args, named, 0, "length")))
    elif isinstance(owner, list | tuple) and name in ("index", "count"):
        budget.weigh(owner)  # compares with each entry


def has_price(name: str) -> bool:
    """Whether a filter can make much out of little."""
    return name in _FILTERS or name == "join"


def filtered(budget: Budget, name: str, args: list[Any], named: Mapping[str, Any]) -> None:
    """The price of a filter (its value first); ``args`` are made ready for it."""
    price = _FILTERS.get(name)
    if price is not None:
        budget.afford(price(budget, args[0], args[1:], named))
    if name == "join":
        args[0] = _counted(args[0])
        separator = _argument(args[1:], named, 0, "d")
        budget.afford(_join(budget, "" if separator is None else str(separator), args[:1], {}))


def _padded(_: Budget, text: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    return len(str(text)) + _number(_argument(args, named, 0, "width"))


def _tabs(_: Budget, text: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    size = _argument(args, named, 0, "tabsize")
    tab = "\t" if isinstance(text, str) else b"\t"
    return len(text) + text.count(tab) * _number(8 if size is None else size)


def _replaced(_: Budget, text: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    old, new = _argument(args, named, 0, "old"), _argument(args, named, 1, "new")
    if not isinstance(text, TEXTS):
        text, old = str(text), str(old)
    if not isinstance(old, type(text)) and not isinstance(text, type(old)):
        return len(text)  # refused by the method itself
    return len(text) + text.count(old) * _length(new)


def _join(budget: Budget, text: Any, args: Any, _: Mapping[str, Any]) -> float:
    if not args:
        return 0
    if isinstance(args, list):
        args[0] = _counted(args[0])
    return budget.weigh(args[0]) + len(text) * _length(args[0])


def _translated(_: Budget, text: Any, args: Sequence[Any], __: Mapping[str, Any]) -> float:
    table = args[0] if args else None
    values = table.values() if isinstance(table, dict) else table
    longest = max((_length(v) for v in values or ()), default=1) if _length(values) else 1
    return len(text) * max(1, longest)


def _indented(_: Budget, text: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    width = _argument(args, named, 0, "width")
    each = _length(width) if isinstance(width, str) else _number(4 if width is None else width)
    return len(str(text)) + (str(text).count("\n") + 1) * each


def _json(budget: Budget, value: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    indent = _argument(args, named, 1, "indent")
    each = len(indent) if isinstance(indent, str) else _number(indent)
    separators = _argument(args, named, 2, "separators")
    if isinstance(separators, list | tuple):
        each += sum(map(_length, separators))
    return budget.weigh(value) if each <= MOST_INDENT else float("inf")


def _batched(_: Budget, __: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    fills = _argument(args, named, 1, "fill_with") is not None
    return ENTRY * _number(_argument(args, named, 0, "linecount")) if fills else 0


def _rounded(budget: Budget, _: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    if _number(_argument(args, named, 0, "precision")) > MOST_BITS / 4:
        raise number_too_large()
    return 0


def _wrapped(_: Budget, text: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    between = _length(_argument(args, named, 2, "wrapstring"))
    return len(str(text)) * (len(str(text)) // 5000 + 1 + between)  # quadratic in long words


def _formatted(budget: Budget, text: Any, args: Sequence[Any], named: Mapping[str, Any]) -> float:
    percent(budget, str(text), dict(named) if named else tuple(args))
    return 0


def _slow(_: Budget, value: Any, __: Sequence[Any], ___: Mapping[str, Any]) -> float:
    return 20 * len(value) if isinstance(value, str) else 0


Price = Callable[[Budget, Any, list[Any], Mapping[str, Any]], float]

_METHODS: dict[str, Price] = {
    **dict.fromkeys(("center", "ljust", "rjust", "zfill"), _padded),
    "expandtabs": _tabs,
    "replace": _replaced,
    "join": _join,
    "translate": _translated,
}

_FILTERS: dict[str, Price] = {
    "center": _padded,
    "replace": _replaced,
    "indent": _indented,
    "tojson": _json,
    "batch": _batched,
    "round": _rounded,
    "wordwrap": _wrapped,
    "format": _formatted,
    **dict.fromkeys(("urlize", "striptags", "pprint", "title", "xmlattr"), _slow),
}


def _argument(args: Sequence[Any], named: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else named.get(name)


def _counted(items: Any) -> Any:
    """The items in something whose length is known."""
    return items if isinstance(items, Sized) else list(items)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, Sized) else 0


def _number(value: Any) -> float:
    return abs(value) if isinstance(value, int | float) else 0


def _whole(digits: str) -> int:
    """A number of a format; one of very many digits is only known to be large."""
    if not digits.isdecimal():
        return 0
    return int(digits) if len(digits) < 15 else 10**15
