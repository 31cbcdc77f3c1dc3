"""The training form's rules: fields from the one declaration of the options, and back.

Nothing of the screen is here. A field's value is text, as in a file; empty text is the default.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shadow_mlx.config import SamplingConfig, TrainConfig
from shadow_mlx.config.option import GROUP_TITLES, Options, flag_name, option_info
from shadow_mlx.config.values import choices_of, describe_type, plain_type
from shadow_mlx.errors import ConfigError

SIMPLE = (
    "model", "data", "adapter_path", "iters", "epochs", "batch_size", "learning_rate",
    "max_seq_length",
)  # fmt: skip
"""What a newcomer sees; everything else is one key away."""


@dataclass(frozen=True)
class FormField:
    """One option as a form shows it. ``default`` is text; ``choices`` is empty for free text."""

    name: str
    title: str
    help: str
    flag: str
    group: str
    unit: str
    default: str
    choices: tuple[str, ...]
    kind: str
    optional: bool
    simple: bool
    path: bool


def fields(declared: type[Options] = TrainConfig) -> list[FormField]:
    """All fields: the simple ones first, then group by group."""
    hints = typing.get_type_hints(declared)
    found = [_field(one, hints[one.name]) for one in dataclasses.fields(declared)]
    simple = [f for name in SIMPLE for f in found if f.name == name]
    groups = list(GROUP_TITLES)
    rest = sorted((f for f in found if not f.simple), key=lambda f: groups.index(f.group))
    return [*simple, *rest]


def _field(one: dataclasses.Field[Any], hint: Any) -> FormField:
    info = option_info(one)
    kind = plain_type(hint)
    choices = choices_of(hint) or (("yes", "no") if kind is bool else ())
    return FormField(
        name=one.name,
        title=one.name.replace("_", " "),
        help=info.help,
        flag=flag_name(one),
        group=info.group,
        unit=info.unit or (info.metavar or "").replace("|", " or "),
        default=to_text(one.default),
        choices=choices,
        kind=describe_type(hint),
        optional=one.default is None,
        simple=one.name in SIMPLE,
        path=info.kind == "path",
    )


def to_text(value: Any) -> str:
    """A value as a field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def problems_of(texts: Mapping[str, str]) -> tuple[TrainConfig | None, dict[str, str]]:
    """The configuration that the fields describe, or what is wrong with each field.

    Problems come from the declarations alone; those of no single field stand under ``""``.
    """
    known = {field.name: field for field in fields()}
    values = _values(texts, known)
    problems: dict[str, str] = {}
    if not values.get("data"):
        problems["data"] = "--data: choose a file or folder (page 3 helps), or a hub id"
    try:
        config = TrainConfig.from_mapping(values, where="form")
    except ConfigError as error:
        return None, {**_by_field(error, known), **problems}
    return (None if problems else config), problems


def sound_values(texts: Mapping[str, str], group: type[Options]) -> dict[str, Any]:
    """The fields of a group that are filled in and good by themselves, as a request takes them."""
    known = {field.name: field for field in fields(group)}
    own = {name: str(text) for name, text in texts.items() if name in known}
    sound: dict[str, Any] = {}
    for name, value in _values(own, known).items():
        with contextlib.suppress(ConfigError):
            sound |= group.checked({name: value}, where="form")
    return sound


def sampling_of(texts: Mapping[str, str]) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The settings of sampling that the fields name, or what is wrong with them."""
    known = {field.name: field for field in fields(SamplingConfig)}
    try:
        config = SamplingConfig.from_mapping(_values(texts, known), where="form")
    except ConfigError as error:
        return None, _by_field(error, known)
    defaults = SamplingConfig().to_mapping()
    return {k: v for k, v in config.to_mapping().items() if v != defaults[k]}, {}


def _values(texts: Mapping[str, str], known: Mapping[str, FormField]) -> dict[str, Any]:
    """What is filled in, ready to be converted by the declarations."""
    filled = {name: text.strip() for name, text in texts.items() if text.strip()}
    yes_or_no = ("yes", "no")
    return {
        name: text == "yes" if known[name].choices == yes_or_no else text
        for name, text in filled.items()
    }


def _by_field(error: ConfigError, known: Mapping[str, FormField]) -> dict[str, str]:
    problems: dict[str, str] = {}
    for line in str(error).splitlines():
        problems.setdefault(_name_in(line, known), line.removeprefix("form: "))
    return problems


def _name_in(line: str, known: Mapping[str, FormField]) -> str:
    """The field that a message speaks of first."""
    start = line.removeprefix("form: ")
    for name, field in known.items():
        if start.startswith((f"{field.flag}:", f"{field.flag} ", f"{name}:")):
            return name
    return ""
