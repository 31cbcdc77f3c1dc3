"""The forms' rules: fields from the one declaration of the options, and back.

Nothing of the screen is here. A field's value is text, as in a file; empty text is the default.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from shadow_mlx.config import (
    NO_TEST_FILE,
    ChatConfig,
    CompareConfig,
    ExportConfig,
    ImportConfig,
    PushConfig,
    ServeConfig,
    TrainConfig,
)
from shadow_mlx.config.option import GROUP_TITLES, Options, flag_name, option_info
from shadow_mlx.config.values import choices_of, describe_type, element_of, hints_of, plain_type
from shadow_mlx.errors import ConfigError

SIMPLE_FRAMES: dict[type[Options], dict[str, tuple[str, ...]]] = {
    TrainConfig: {
        "model and data": ("model", "data", "adapter_path"),
        "learning": (
            "objective", "shadow", "teacher", "answers", "iters", "epochs", "batch_size",
            "learning_rate", "max_seq_length",
        ),
    },
    ChatConfig: {"": ("system_prompt", "max_tokens", "temp", "thinking")},
    CompareConfig: {"": ("data", "adapter_path", "rival", "modes", "limit", "max_tokens")},
    ExportConfig: {"": ("adapter_path", "output", "to", "q_bits", "vocabulary")},
    ImportConfig: {"": ("source", "adapter_path", "model")},
    PushConfig: {"": ("folder", "repo", "private", "message")},
    ServeConfig: {
        "": ("adapter_path", "host", "port", "api_key_file", "concurrency", "longest_answer")
    },
}  # fmt: skip
"""What stands first, and is all that a newcomer sees of a run, by the titles of its frames."""

SIMPLE = {
    group: tuple(name for names in frames.values() for name in names)
    for group, frames in SIMPLE_FRAMES.items()
}
"""The same without the titles."""

SIMPLE_BESIDE: dict[type[Options], dict[str, tuple[str, str]]] = {
    TrainConfig: dict.fromkeys(("shadow", "teacher", "answers"), ("objective", "pretrain")),
}
"""Those of them that are simple only where another option has this value."""

NEEDED: dict[type[Options], dict[str, str]] = {
    TrainConfig: {"data": "--data: choose a file or folder (page 3 helps), or a hub id"},
    CompareConfig: {"data": NO_TEST_FILE},
    ImportConfig: {"source": "--source: name the folder of a PEFT or shadow-peft adapter"},
    PushConfig: {"repo": "--repo: name the repository, as in somebody/robot"},
}
"""What is said where a field that cannot be left out is empty."""

SomeOptions = TypeVar("SomeOptions", bound=Options)


@dataclass(frozen=True)
class FormField:
    """One option as a form shows it. ``default`` is text; ``choices`` is empty for free text.

    ``unset`` says what an empty field means: the default, or in words what takes its place.
        Of an option that takes ``several`` values, the text is as on the command line: with spaces
    between them, and quotes around what has a space in it.
    """

    name: str
    title: str
    help: str
    flag: str
    group: str
    unit: str
    default: str
    unset: str
    choices: tuple[str, ...]
    kind: str
    optional: bool
    simple: bool
    path: bool
    several: bool
    needed: bool


def fields(declared: type = TrainConfig) -> tuple[FormField, ...]:
    """All fields of a group of options: the simple ones first, then group by group."""
    return _fields(declared)


@cache
def _fields(declared: type) -> tuple[FormField, ...]:
    hints = hints_of(declared)
    simple, needed = SIMPLE.get(declared, ()), NEEDED.get(declared, {})
    found = {
        one.name: _field(one, hints[one.name], simple=one.name in simple, needed=one.name in needed)
        for one in dataclasses.fields(declared)
    }
    groups = list(GROUP_TITLES)
    rest = sorted((f for f in found.values() if not f.simple), key=lambda f: groups.index(f.group))
    return *(found[name] for name in simple), *rest


def simple_now(group: type[Options], texts: Mapping[str, str]) -> set[str]:
    """The simple fields, beside what stands in the others."""
    beside = SIMPLE_BESIDE.get(group, {})
    return {
        name
        for name in SIMPLE.get(group, ())
        if name not in beside or texts.get(beside[name][0], "") == beside[name][1]
    }


def idle_now(group: type[Options], texts: Mapping[str, str]) -> frozenset[str]:
    """The fields that say nothing beside what stands in the others: they are not shown."""
    return group.idle({name: text for name, text in texts.items() if text.strip()})


def _field(one: dataclasses.Field[Any], hint: Any, *, simple: bool, needed: bool) -> FormField:
    info = option_info(one)
    kind = plain_type(hint)
    several = element_of(hint) is not None
    choices = choices_of(hint) or (("yes", "no") if kind is bool else ())
    return FormField(
        name=one.name,
        title=one.name.replace("_", " "),
        help=info.help,
        flag=flag_name(one),
        group=info.group,
        unit=info.unit or (info.metavar or "").replace("|", " or "),
        default=to_text(one.default),
        unset="needed" if needed else to_text(one.default) or _in_words(info.help),
        choices=() if several else choices,
        kind=describe_type(hint) + (", or several with spaces between" if several else ""),
        optional=one.default is None,
        simple=simple,
        path=info.kind == "path",
        several=several,
        needed=needed,
    )


def _in_words(help_text: str) -> str:
    """What an option's help says of its default; ``none`` where leaving it out means nothing."""
    said = re.search(r"\(default: (.*?)\)(?: |$|;)", help_text)
    return said[1] if said else "none"


def to_text(value: Any) -> str:
    """A value as a field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return shlex.join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def filled_in(
    group: type[SomeOptions], texts: Mapping[str, str]
) -> tuple[SomeOptions | None, dict[str, str]]:
    """The options that the fields describe, or what is wrong with each field.

    Problems come from the declarations alone; those of no single field stand under ``""``. What
    stands in a field that says nothing beside the others is left out.
    """
    known = {field.name: field for field in fields(group)}
    idle = idle_now(group, texts)
    values = _values({name: text for name, text in texts.items() if name not in idle}, known)
    needed = NEEDED.get(group, {})
    problems = {name: text for name, text in needed.items() if not values.get(name)}
    try:
        config = group.from_mapping(values, where="form")
    except ConfigError as error:
        problems = _by_field(error, known) | problems
        return None, {name: problems[name] for name in [*known, ""] if name in problems}
    return (None if problems else config), problems


def chosen(options: Options, leaving: Collection[str] = ()) -> dict[str, Any]:
    """The options that are not the default, without some that are not wanted."""
    default = {one.name: one.default for one in dataclasses.fields(options)}
    return {
        name: value
        for name, value in options.to_mapping().items()
        if name not in leaving and value != default[name]
    }


def sound_values(texts: Mapping[str, str], group: type[Options]) -> dict[str, Any]:
    """The fields of a group that are filled in and good by themselves, as a request takes them."""
    known = {field.name: field for field in fields(group)}
    own = {name: str(text) for name, text in texts.items() if name in known}
    sound: dict[str, Any] = {}
    for name, value in _values(own, known).items():
        with contextlib.suppress(ConfigError):
            sound |= group.checked({name: value}, where="form")
    return sound


def _values(texts: Mapping[str, str], known: Mapping[str, FormField]) -> dict[str, Any]:
    """What is filled in, ready to be converted by the declarations."""
    return {name: _value(text.strip(), known[name]) for name, text in texts.items() if text.strip()}


def _value(text: str, field: FormField) -> Any:
    if field.choices == ("yes", "no"):
        return text == "yes"
    return several(text) if field.several else text


def several(text: str) -> Sequence[str] | str:
    """The values that stand in a field for several; as it is where that cannot be told."""
    with contextlib.suppress(ValueError):  # a quote without its other half is a letter
        return shlex.split(text)
    return text


def told(problems: Mapping[str, str], most: int) -> str:
    """The first of the problems, a line each, and how many there are beside them."""
    lines = [f"! {text}" for text in list(problems.values())[:most]]
    if (more := len(problems) - most) > 0:
        lines[-1] += f" (and {more} more)"
    return "\n".join(lines)


def _by_field(error: ConfigError, known: Mapping[str, FormField]) -> dict[str, str]:
    """Each line at the field that it speaks of first, in the words of the command line."""
    problems: dict[str, str] = {}
    for line in str(error).splitlines():
        said = line.removeprefix("form: ")
        for name, field in known.items():
            if said.startswith((f"{field.flag}:", f"{field.flag} ", f"{name}:")):
                problems.setdefault(
                    name, field.flag + said.removeprefix(field.flag).removeprefix(name)
                )
                break
        else:
            problems.setdefault("", said)
    return problems
