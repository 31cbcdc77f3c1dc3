"""How thoroughly a run learns, in one word each: settings that go together, as data.

A preset sets some options and leaves all others. What a person set herself stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shadow_mlx.config import TrainConfig
from shadow_mlx.config.option import Options
from tui.views import form

PRESETS: dict[type[Options], dict[str, dict[str, str]]] = {
    TrainConfig: {
        "quick": {"epochs": "1"},
        "normal": {},
        "thorough": {"epochs": "6", "patience": "5"},
    },
}
"""By their names, from the shortest to the longest run; the values are those of a form's fields."""

UNCHANGED = "the defaults"
"""What a preset means that sets nothing."""


@dataclass(frozen=True)
class Applied:
    """The fields with a preset in them.

    ``kept`` are those that are left as they were, each with the reason: the person set it herself,
    or something that she set goes against it.
    """

    texts: dict[str, str]
    kept: dict[str, str]


def names_of(group: type[Options]) -> tuple[str, ...]:
    """The presets of a form; most forms have none."""
    return tuple(PRESETS.get(group, ()))


def meaning(group: type[Options], name: str) -> str:
    """What a preset changes, in the words of the form: ``epochs 6, patience 5``."""
    titles = {field.name: field.title for field in form.fields(group)}
    settings = PRESETS[group][name]
    return ", ".join(f"{titles[key]} {value}" for key, value in settings.items()) or UNCHANGED


def applied(group: type[Options], name: str, texts: Mapping[str, str]) -> Applied:
    """A preset put into a form.

    Args:
        group: The form's options.
        name: The preset.
        texts: What stands in the fields; empty text is the default.
    """
    found, kept = dict(texts), dict[str, str]()
    for key in _touched(group):
        value = PRESETS[group][name].get(key, "")
        if _is_own(group, key, texts):
            kept[key] = f"you set it to {texts[key]}"
        elif problem := _problem({**found, key: value}, found, group):
            kept[key] = problem
        else:
            found[key] = value
    return Applied(found, kept)


def current(group: type[Options], texts: Mapping[str, str]) -> str:
    """The preset that stands in a form; empty where a person set something of it herself."""
    ways = {name: applied(group, name, texts) for name in PRESETS[group]}
    if any(way.kept for way in ways.values()):
        return ""
    now = {key: texts.get(key, "") for key in _touched(group)}
    fits = (name for name, way in ways.items() if now.items() <= way.texts.items())
    return next(fits, "")


def _problem(texts: Mapping[str, str], before: Mapping[str, str], group: type[Options]) -> str:
    """What is wrong with the fields that was not wrong before."""
    _, problems = form.filled_in(group, texts)
    _, former = form.filled_in(group, before)
    return next((text for text in problems.values() if text not in former.values()), "")


def _touched(group: type[Options]) -> tuple[str, ...]:
    """The options that any preset sets."""
    found = (key for settings in PRESETS[group].values() for key in settings)
    return tuple(dict.fromkeys(found))


def _is_own(group: type[Options], key: str, texts: Mapping[str, str]) -> bool:
    """Whether a person set this option: no preset puts there what stands there."""
    text = texts.get(key, "")
    return bool(text) and all(settings.get(key) != text for settings in PRESETS[group].values())
