"""Turning facts into lines, key-value pairs and small JSON objects, and reading them."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from ..words import COLORS, COMMON_WORDS, DRINKS, FOODS, ITEMS, JOBS, PEOPLE, SIZES, TOWNS
from .lists import ANY_WORD
from .registry import Turn, skill

#: key -> (sentence part, possible values). Keys are everyday words.
FIELDS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "age": ("is {} years old", tuple(range(3, 80))),
    "town": ("lives in {}", TOWNS),
    "job": ("works as a {}", JOBS),
    "food": ("eats {}", FOODS),
    "drink": ("drinks {}", DRINKS),
    "pet": ("has a {}", ("cat", "dog", "bird", "rabbit", "hamster", "horse")),
    "friend": ("knows {}", PEOPLE),
    "wears": ("wears a {} shirt", COLORS),
    "owns": ("owns the {}", tuple(ITEMS)),
    "size": ("is {}", SIZES),
}

#: Keys that the robot-intents data uses stay out: sprout must not know that task beforehand.
ROBOT_KEYS = (
    "intent", "item", "count", "color", "place", "device", "state", "person", "message",
    "minutes", "reason",
)  # fmt: skip
FREE_KEYS = tuple(word for word in COMMON_WORDS if word not in ROBOT_KEYS)

Record = dict[str, str | int]


def compact_json(value: object) -> str:
    """JSON without spaces: the form that all of sprout's text uses."""
    return json.dumps(value, separators=(",", ":"))


def draw_record(rng: Random, low: int = 1, high: int = 3) -> tuple[str, Record]:
    """A sentence about a person, and the same facts as key-value pairs in its order."""
    person = rng.choice(PEOPLE)
    keys = rng.sample(tuple(FIELDS), rng.randint(low, high))
    record: Record = {"name": person}
    parts = []
    for key in keys:
        phrase, values = FIELDS[key]
        record[key] = rng.choice(values)
        parts.append(phrase.format(record[key]))
    return f"{person} {' and '.join(parts)}.", record


def as_lines(record: Record) -> str:
    return "\n".join(f"{key}: {value}" for key, value in record.items())


FORMATS: dict[str, Callable[[Record], str]] = {"JSON": compact_json, "lines": as_lines}


@skill(2.5)
def facts_to_record(rng: Random) -> Turn:
    sentence, record = draw_record(rng)
    form = rng.choice(tuple(FORMATS))
    ask = rng.choice(["Write as {1}: {0}", "{0} Give it as {1}.", "Turn into {1}: {0}"])
    return ask.format(sentence, form), FORMATS[form](record)


@skill(3.5)
def pairs_to_json(rng: Random) -> Turn:
    """Any words as keys and values, the way the user pairs them."""
    keys = rng.sample(FREE_KEYS, rng.randint(1, 4))
    record: Record = {
        key: rng.randint(0, 12) if rng.random() < 0.2 else rng.choice(ANY_WORD) for key in keys
    }
    if rng.random() < 0.5:
        pairs = ", ".join(f"{key} {value}" for key, value in record.items())
        return f"As JSON: {pairs}", compact_json(record)
    pairs = ", ".join(f"{key} is {value}" for key, value in record.items())
    return f"JSON please: {pairs}.", compact_json(record)


@skill(1.5)
def read_record(rng: Random) -> Turn:
    _, record = draw_record(rng, 2, 3)
    key = rng.choice(tuple(record))
    text = rng.choice((compact_json, as_lines))(record)
    gap = "\n" if "\n" in text else " "
    return f"{text}{gap}What is the {key}?", str(record[key])


@skill(1.5)
def convert_record(rng: Random) -> Turn:
    _, record = draw_record(rng, 1, 2)
    if rng.random() < 0.5:
        return f"Write as JSON:\n{as_lines(record)}", compact_json(record)
    return f"Write as lines: {compact_json(record)}", as_lines(record)


@skill(1.5)
def change_record(rng: Random) -> Turn:
    _, record = draw_record(rng, 1, 2)
    key = rng.choice(tuple(record)[1:])
    values = [value for value in FIELDS[key][1] if value != record[key]]
    new = rng.choice(values)
    return f"Set {key} to {new}: {compact_json(record)}", compact_json(record | {key: new})


@skill()
def list_keys(rng: Random) -> Turn:
    _, record = draw_record(rng, 1, 3)
    return f"Name the keys: {compact_json(record)}", ", ".join(record)


@skill()
def amounts_to_json(rng: Random) -> Turn:
    """A shopping list as name -> number."""
    things = rng.sample(tuple(ITEMS.items()), rng.randint(1, 3))
    amounts = {one: rng.randint(1, 12) for one, _ in things}
    text = ", ".join(f"{amounts[one]} {one if amounts[one] == 1 else many}" for one, many in things)
    return f"Amounts as JSON: {text}", compact_json(amounts)
