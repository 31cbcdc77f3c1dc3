"""JSON answers: whether two are the same, and which of their fields are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from shadow_mlx.files.json_files import deeper_than

Field = tuple[str, str]

DEEPEST = 100
"""Levels of a JSON answer; one with more is no answer that anybody expects."""


def json_fields(text: str) -> Counter[Field] | None:
    """The leaves of a JSON object or array as ``(path, value)``, or ``None`` for other text.

    Items of an array share one path, so their order does not matter. A model that repeats itself
    may open thousands of brackets: that is no JSON either.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, (dict, list)) or deeper_than(value, DEEPEST):
        return None
    return Counter(_leaves(value, ""))


def _leaves(value: Any, path: str) -> Iterator[Field]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
        if not value:
            yield path, "{}"
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, f"{path}[]")
        if not value:
            yield path, "[]"
    else:
        yield path, json.dumps(value)


@dataclass(frozen=True)
class FieldCounts:
    """Counts behind a micro-averaged F1 over the fields of many JSON answers."""

    right: int = 0
    answered: int = 0
    expected: int = 0

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; ``None`` where nothing was expected."""
        if not self.expected:
            return None
        return 2 * self.right / (self.answered + self.expected)


def count_fields(pairs: Iterable[tuple[str, str]]) -> FieldCounts:
    """Sum the field counts of ``(answer, expected)`` pairs whose expected answer is JSON.

    An answer that is no JSON answers no field.
    """
    right = answered = wanted = 0
    for answer, expected in pairs:
        expected_fields = json_fields(expected)
        if expected_fields is None:
            continue
        fields = json_fields(answer) or Counter()
        right += (fields & expected_fields).total()
        answered += fields.total()
        wanted += expected_fields.total()
    return FieldCounts(right, answered, wanted)


def same_json(answer: str, expected: str) -> bool:
    """Whether both are JSON objects or arrays of the same values, keys in any order.

    Numbers are the same by value; true is no number.
    """
    if json_fields(answer) is None or json_fields(expected) is None:
        return False
    return _same(json.loads(answer), json.loads(expected))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
