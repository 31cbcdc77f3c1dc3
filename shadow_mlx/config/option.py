"""What an option is: a frozen dataclass field that knows its help, unit, range and group.

The command line's flags, the YAML file, the saved ``run/config.yaml`` and the terminal UI's forms
are all derived from such declarations (see :mod:`shadow_mlx.config` for them, and
:mod:`shadow_mlx.cli.options` for the flags).
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field
from typing import Any, Literal

from shadow_mlx.config.paths import expanded
from shadow_mlx.config.values import (
    element_of,
    from_text,
    hints_of,
    misfit,
    nearest,
    out_of_range,
    shown,
)
from shadow_mlx.errors import ConfigError

_MOST_SHOWN = 20  # problems in one message

GROUP_TITLES = {
    "model": "model",
    "basic": "run",
    "server": "server",
    "limits": "limits",
    "prompt": "prompt",
    "shadow": "shadow",
    "distillation": "distillation",
    "data": "data",
    "template": "chat template",
    "optimizer": "optimizer",
    "memory": "memory",
    "report": "reports and checkpoints",
    "start": "start",
    "sampling": "sampling",
    "quantization": "quantization",
    "vocabulary": "vocabulary",
    "card": "model card",
}
"""The groups of options in the order in which they are shown."""


Kind = Literal["", "path"]
"""Of a text: ``path`` for one that names, or may name, a file or folder."""


@dataclass(frozen=True)
class OptionInfo:
    """What a form or a parser needs to know of one option beyond its name, type and default.

    ``switches`` are the choices that a flag of their own stands for, each with its help, where no
    flag of the option's name is wanted: ``--detached`` for the mode ``detached``.
    """

    help: str
    group: str = "basic"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    flag: str | None = None
    short: str | None = None
    metavar: str | None = None
    kind: Kind = ""
    switches: Mapping[str, str] | None = None


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
    kind: Kind = "",
    switches: Mapping[str, str] | None = None,
) -> Any:
    """Declare one option as a dataclass field; see :class:`OptionInfo` for the arguments."""
    info = OptionInfo(
        help, group, unit, minimum, maximum, exclusive_minimum, flag, short, metavar, kind, switches
    )
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


Group = typing.TypeVar("Group", bound="Options")


@dataclass(frozen=True)
class Options:
    """Base of the option groups: values checked at construction, strict mappings in and out."""

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        values = {f: getattr(self, f.name) for f in dataclasses.fields(self)}
        misfits: dict[Field[Any], str] = {}
        for f, given in values.items():
            value, problem = _settled(f, hints, given)
            object.__setattr__(self, f.name, value)
            if problem:
                misfits[f] = problem
        problems = [
            f"{flag_name(f)}: {problem}"
            for f, value in values.items()
            if (problem := misfits.get(f) or _out_of_range(f, value))
        ]
        if not misfits:  # they rely on every value's type
            problems += self.cross_checks()
        if problems:
            raise ConfigError("\n".join(problems))

    def cross_checks(self) -> list[str]:
        """Problems between fields, one sentence each, naming the flags."""
        return []

    @classmethod
    def idle(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """Options that say nothing beside these values; what is not named has its default.

        A form leaves them out.
        """
        return frozenset()

    def part(self, group: type[Group]) -> Group:
        """The options of one group alone, where this class has them all."""
        return group(**{f.name: getattr(self, f.name) for f in dataclasses.fields(group)})

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "config") -> typing.Self:
        """Build from a mapping (a YAML file).

        Raises:
            ConfigError: All that is wrong, in one message: unknown and repeated names, wrong
                types, no such choice, out of range, options that contradict each other.
        """
        fitting, problems = cls._fitting(values, where)
        try:
            built = cls(**fitting)
        except ConfigError as error:
            problems += [f"{where}: {line}" for line in str(error).splitlines()]
        if problems:
            raise _all_in_one(problems)
        return built

    @classmethod
    def checked(cls, values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
        """The values of a mapping, by field and of the right types, each good by itself.

        Raises:
            ConfigError: As :meth:`from_mapping`, but for contradictions.
        """
        fitting, problems = cls._fitting(values, where)
        problems += [
            f"{where}: {flag_name(f)}: {problem}"
            for f in dataclasses.fields(cls)
            if f.name in fitting and (problem := _out_of_range(f, fitting[f.name]))
        ]
        if problems:
            raise _all_in_one(problems)
        return fitting

    @classmethod
    def _fitting(cls, values: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[str]]:
        """The values that have a name and a type of ours, and what is wrong with the others."""
        hints = hints_of(cls)
        names = {f.name: f for f in dataclasses.fields(cls)}
        problems: list[str] = []
        fitting: dict[str, Any] = {}
        seen: set[str] = set()
        for raw_key, raw_value in values.items():
            key = str(raw_key).replace("-", "_")
            if key not in names:
                meant = nearest(key, names) if len(problems) < _MOST_SHOWN else None
                hint = f" (did you mean {meant!r}?)" if meant else ""
                problems.append(f"{where}: unknown option {shown(raw_key)}{hint}")
                continue
            value, problem = _settled(names[key], hints, from_text(raw_value, hints[key]))
            if key in seen:
                problems.append(f"{where}: {raw_key}: given twice")
            elif problem:
                problems.append(f"{where}: {raw_key}: {problem}")
            else:
                fitting[key] = value
            seen.add(key)
        return fitting, problems

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


def _settled(declared: Field[Any], hints: Mapping[str, Any], value: Any) -> tuple[Any, str | None]:
    """The value that is kept, and in what it is not of the option's type."""
    hint = hints[declared.name]
    if isinstance(value, list) and element_of(hint) is not None:
        value = tuple(value)
    if option_info(declared).kind != "path":
        return value, misfit(value, hint)
    if isinstance(value, (str, os.PathLike)) and element_of(hint) is None:
        return expanded(value)
    if isinstance(value, tuple) and not misfit(value, hint):
        pairs = [expanded(one) for one in value]
        return tuple(path for path, _ in pairs), next((wrong for _, wrong in pairs if wrong), None)
    return value, misfit(value, hint)


def _out_of_range(declared: Field[Any], value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    info = option_info(declared)
    return out_of_range(value, info.minimum, info.maximum, exclusive_low=info.exclusive_minimum)


def _all_in_one(problems: list[str]) -> ConfigError:
    more = len(problems) - _MOST_SHOWN
    rest = [f"… and {more} more problems"] if more > 0 else []
    return ConfigError("\n".join([*problems[:_MOST_SHOWN], *rest]))
