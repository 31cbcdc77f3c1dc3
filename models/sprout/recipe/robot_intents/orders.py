"""What can be asked of the home robot: slots, what must be refused, and the canonical answer.

The answer is a pure function of the slots, so the same wording machinery serves every intent.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from itertools import combinations
from random import Random

from ..words import NOUNS

#: One pair of slot values in this many is kept for the test split.
HELD_OUT_ONE_IN = 8
SLOT_ORDER = (
    "intent", "reason", "item", "device", "state", "color", "count", "place", "person",
)  # fmt: skip

ITEMS = ("cup", "plate", "book", "towel", "ball", "shoe", "key", "bag")
DANGEROUS = ("knife",)
HEAVY = ("sofa",)
ANIMALS = ("cat",)
COLORS = ("red", "blue", "green", "white", "black")
INDOORS = ("kitchen", "bedroom", "bathroom", "hall", "garage")
OUTDOORS = ("garden",)
PEOPLE = ("Anna", "Tom", "Ben", "Eva")
DEVICES = ("lamp", "fan", "radio")
OPENABLES = ("door", "window", "drawer")
SURFACES = ("table", "floor", "sink")
LARGEST_COUNT = 4
Order = dict[str, str | int]


def refusal(order: Order) -> str | None:
    """Why the robot must not or cannot follow the order; ``None`` if it can."""
    item, place = order.get("item"), order.get("place")
    if item in DANGEROUS:
        return "dangerous"
    if item in HEAVY:
        return "too heavy"
    if item in ANIMALS:
        return "alive"
    if place in OUTDOORS:
        return "outside"
    return None


def answer(order: Order) -> str:
    """The canonical, compact JSON answer; things are named as they were: ``cup`` or ``cups``."""
    reason = refusal(order)
    slots = order if reason is None else {**order, "intent": "refuse", "reason": reason}
    if "count" in order:
        slots = {**slots, "item": NOUNS[str(order["item"])]}
    return json.dumps(
        {key: slots[key] for key in SLOT_ORDER if key in slots}, separators=(",", ":")
    )


def slot_pairs(slots: Order) -> set[str]:
    """Every pair of slot values, the intent and the reason left out."""
    values = [f"{key}={slots[key]}" for key in SLOT_ORDER[2:] if key in slots]
    return {f"{first} & {second}" for first, second in combinations(values, 2)}


def is_held_out(pair: str) -> bool:
    """Whether a pair of slot values is kept for the test split: fixed by its spelling."""
    return zlib.crc32(pair.encode()) % HELD_OUT_ONE_IN == 0


def has_held_out_pair(order: Order) -> bool:
    return any(map(is_held_out, slot_pairs(order)))


def any_item(rng: Random) -> str:
    """Mostly something that can be carried; sometimes something that must be refused."""
    pool = ITEMS if rng.random() < 0.85 else rng.choice((DANGEROUS, HEAVY, ANIMALS))
    return rng.choice(pool)


def any_place(rng: Random) -> str:
    return rng.choice(INDOORS if rng.random() < 0.93 else OUTDOORS)


def any_count(rng: Random) -> int:
    return rng.randint(2, LARGEST_COUNT)


def carried(rng: Random) -> Order:
    """An item with perhaps a color and a count."""
    order: Order = {"item": any_item(rng)}
    if rng.random() < 0.6:
        order["color"] = rng.choice(COLORS)
    if order["item"] in ITEMS and rng.random() < 0.2:
        order["count"] = any_count(rng)
    return order


def draw_order(rng: Random, intent: str) -> Order:
    """Random slots for an intent; every order has at least two slots beside it."""
    order: Order = {"intent": intent}
    if intent == "fetch":
        order |= carried(rng)
        if len(order) == 2 or rng.random() < 0.5:
            order["place"] = any_place(rng)
    elif intent == "put":
        order |= carried(rng) | {"place": any_place(rng)}
    elif intent == "find":
        order |= {"item": rng.choice(ITEMS), "color": rng.choice(COLORS)}
    elif intent == "clean":
        order |= {"item": rng.choice(SURFACES), "place": any_place(rng)}
    elif intent in ("open", "close"):
        order |= {"item": rng.choice(OPENABLES), "place": any_place(rng)}
    elif intent == "switch":
        order |= {"device": rng.choice(DEVICES), "state": rng.choice(("on", "off"))}
        order["place"] = any_place(rng)
    elif intent == "go":
        order |= {"place": any_place(rng), "person": rng.choice(PEOPLE)}
    else:
        raise ValueError(f"no such intent: {intent!r}")
    return order


def other_value(rng: Random, order: Order, slot: str) -> str | int:
    """Another value for one slot, of the same kind."""
    item_pool: tuple[str, ...] = ITEMS
    for pool in (SURFACES, OPENABLES):
        item_pool = pool if order.get("item") in pool else item_pool
    draws: dict[str, Callable[[], str | int]] = {
        "item": lambda: any_item(rng)
        if order["intent"] in ("fetch", "put") and "count" not in order
        else rng.choice(item_pool),
        "device": lambda: rng.choice(DEVICES),
        "state": lambda: "off" if order["state"] == "on" else "on",
        "color": lambda: rng.choice(COLORS),
        "count": lambda: any_count(rng),
        "place": lambda: any_place(rng),
        "person": lambda: rng.choice(PEOPLE),
    }  # fmt: skip
    while (value := draws[slot]()) == order[slot]:
        pass
    return value
