"""The fields of a request's JSON object, each taken once, with its type and its range."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shadow_mlx.data.reading.problems import quoted
from shadow_mlx.serving.problems import RequestError


class Fields:
    """Takes the fields of one object; ``null`` stands for a field that is not there.

    Args:
        values: The object.
        inside: The field that it is the value of, if any.
    """

    def __init__(self, values: Any, inside: str = "") -> None:
        if not isinstance(values, dict):
            what = f"{inside}: " if inside else "the request's body: "
            raise RequestError(
                f"{what}expected a JSON object, found {quoted(values)}", param=inside or None
            )
        self._left = {key: value for key, value in values.items() if value is not None}
        self._inside = f"{inside}." if inside else ""

    def take(self, name: str, default: Any = None) -> Any:
        """A value of any type."""
        return self._left.pop(name, default)

    def wrong(self, name: str, expected: str, found: Any) -> RequestError:
        """The error of a field."""
        where = self._inside + name
        return RequestError(f"{where}: expected {expected}, found {quoted(found)}", param=where)

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false."""
        value = self.take(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false", value)
        return value

    def text(self, name: str) -> str | None:
        """A text."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "a text", value)
        return value

    def whole(self, name: str, default: int | None, low: int, high: int) -> Any:
        """A whole number; also one that is written as 3.0."""
        value = self.take(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is default:
            return value
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(name, f"a whole number from {low:,} to {high:,}", value)
        return value

    def number(self, name: str, default: float | None, low: float, high: float) -> Any:
        """A number."""
        value = self.take(name, default)
        if value is default:
            return value
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not low <= value <= high
        ):
            raise self.wrong(name, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def only(self, name: str, supported: Collection[Any], why: str) -> None:
        """A field that is known, and of which only some values are served."""
        value = self.take(name)
        if value is not None and value not in supported:
            raise RequestError(
                f"{self._inside}{name}: {quoted(value)} is not supported: {why}",
                param=self._inside + name,
                code="unsupported_value",
            )

    def end(self, ignored: Collection[str] = ()) -> None:
        """Nothing may be left but what changes no answer.

        Raises:
            RequestError: A field is unknown.
        """
        unknown = sorted(set(self._left).difference(ignored))
        if unknown:
            name = self._inside + unknown[0]
            raise RequestError(
                f"unrecognized request argument: {quoted(name)}",
                param=name,
                code="unknown_argument",
            )
