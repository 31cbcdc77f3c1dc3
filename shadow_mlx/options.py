"""What an option is: a frozen dataclass field that knows its help, unit, range and group.

The command line's flags, the YAML file, the saved ``run/config.yaml`` and the terminal UI's forms
are all derived from such declarations (see :mod:`shadow_mlx.config` for them, and
:mod:`shadow_mlx.cli.options` for the flags).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field
from typing import Any, Literal

from shadow_mlx.errors import ConfigError


@dataclass(frozen=True)
class OptionInfo:
    """What a form or a parser needs to know of one option beyond its name, type and default."""

    help: str
    group: str = "basic"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    flag: str | None = None
    short: str | None = None
    metavar: str | None = None


def option(
    default: Any = MISSING,
    *,
    help: str,  # the word argparse and every reader uses
    group: str = "basic",
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive_minimum: bool = False,
    flag: str | None = None,
    short: str | None = None,
    metavar: str | None = None,
) -> Any:
    """Declare one option as a dataclass field; see :class:`OptionInfo` for the arguments."""
    info = OptionInfo(help, group, unit, minimum, maximum, exclusive_minimum, flag, short, metavar)
    if default is MISSING:
        return field(metadata={"option": info})
    return field(default=default, metadata={"option": info})


def option_info(declared: Field[Any]) -> OptionInfo:
    """The :class:`OptionInfo` of a field made with :func:`option`."""
    info = declared.metadata["option"]
    assert isinstance(info, OptionInfo)
    return info


def flag_name(declared: Field[Any]) -> str:
    """``--batch-size`` for the field ``batch_size``, unless the declaration names another flag."""
    return option_info(declared).flag or "--" + declared.name.replace("_", "-")


@dataclass(frozen=True)
class Options:
    """Base of the option groups: range checks at construction, strict mappings in and out."""

    def __post_init__(self) -> None:
        problems = [
            problem
            for declared in dataclasses.fields(self)
            if (problem := _problem_of(declared, getattr(self, declared.name)))
        ]
        problems += self.cross_checks()
        if problems:
            raise ConfigError("\n".join(problems))

    def cross_checks(self) -> list[str]:
        """Problems between fields, one sentence each, naming the flags."""
        return []

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "config") -> typing.Self:
        """Build from a mapping (a YAML file). Unknown keys and wrong types are errors."""
        declared = {f.name: f for f in dataclasses.fields(cls)}
        hints = typing.get_type_hints(cls)
        problems: list[str] = []
        converted: dict[str, Any] = {}
        for raw_key, value in values.items():
            key = str(raw_key).replace("-", "_")
            if key not in declared:
                problems.append(f"{where}: unknown option {raw_key!r}{_suggestion(key, declared)}")
                continue
            try:
                converted[key] = _convert(value, hints[key])
            except (TypeError, ValueError, OverflowError):
                expected = describe_type(hints[key])
                problems.append(f"{where}: {raw_key}: expected {expected}, found {value!r}")
        if problems:
            raise ConfigError("\n".join(problems))
        return cls(**converted)

    def to_mapping(self) -> dict[str, Any]:
        """A plain mapping that :meth:`from_mapping` reads back to an equal object."""
        return dataclasses.asdict(self)

    def differing(
        self, other: Options, ignoring: Collection[str] = ()
    ) -> list[tuple[str, Any, Any]]:
        """``(flag, value here, value in other)`` of the options of this class that differ."""
        return [
            (flag_name(declared), mine, theirs)
            for declared in dataclasses.fields(self)
            if declared.name not in ignoring
            and (mine := getattr(self, declared.name)) != (theirs := getattr(other, declared.name))
        ]


def _suggestion(key: str, known: Mapping[str, Any]) -> str:
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def choices_of(hint: Any) -> tuple[str, ...] | None:
    """The values of a ``Literal`` (also inside ``| None``), or ``None``."""
    for part in typing.get_args(hint) if _is_union(hint) else (hint,):
        if typing.get_origin(part) is Literal:
            return typing.get_args(part)
    return None


def plain_type(hint: Any) -> type:
    """``int`` for ``int | None``, ``str`` for a ``Literal`` of strings, and so on."""
    parts = [p for p in typing.get_args(hint) if p is not type(None)] if _is_union(hint) else [hint]
    if typing.get_origin(parts[0]) is Literal:
        return str
    assert isinstance(parts[0], type), hint
    return parts[0]


def describe_type(hint: Any) -> str:
    """A reader's name of a type: ``a whole number``, ``one of depth, layer`` …"""
    chosen = choices_of(hint)
    if chosen:
        return "one of " + ", ".join(chosen)
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names[plain_type(hint)]


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (types.UnionType, typing.Union)


def _convert(value: Any, hint: Any) -> Any:
    if value is None:
        if _is_union(hint) and type(None) in typing.get_args(hint):
            return None
        raise TypeError
    target = plain_type(hint)
    if target is bool or isinstance(value, bool):
        if target is bool and isinstance(value, bool):
            return value
        raise TypeError
    if target is float and isinstance(value, (int, float, str)):
        return float(value)  # YAML reads 1e-3 as text
    if target is int and isinstance(value, (int, float, str)):
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    if target is str and isinstance(value, str):
        return value
    raise TypeError


def _problem_of(declared: Field[Any], value: Any) -> str | None:
    info = declared.metadata.get("option")
    if info is None or value is None:
        return None
    name = flag_name(declared)
    if isinstance(value, float) and value != value:
        return f"{name}: expected a number, found nan"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = info.minimum, info.maximum
        if low is not None and (value < low or (info.exclusive_minimum and value == low)):
            bound = "more than" if info.exclusive_minimum else "at least"
            return f"{name}: must be {bound} {low:,g}, found {_short(value)}"
        if high is not None and value > high:
            return f"{name}: must be at most {high:,.10g}, found {_short(value)}"
    return None


def _short(value: int | float) -> str:
    """A number of any size: a whole one may be too large for a float."""
    if isinstance(value, float) or abs(value) < 10**6:
        return f"{value:g}"
    if abs(value) < 10**18:
        return f"{value:,}"
    return f"a number of some {int(value).bit_length() * 0.30103:.0f} digits"
