"""An order as a person says it."""

from __future__ import annotations

from random import Random

from ..words import NOUNS, NUMBERS, article
from .orders import Order


def amount(rng: Random, count: int) -> str:
    """A quantity as a word, a phrase or digits."""
    if count == 2 and rng.random() < 0.4:
        return "a couple of"
    return NUMBERS[count] if rng.random() < 0.7 else str(count)


def noun_phrase(rng: Random, order: Order, *, definite: bool = True) -> str:
    """``the red cup``, ``two red cups``, ``a cup``."""
    item = str(order["item"])
    color = f"{order['color']} " if "color" in order else ""
    if "count" in order:
        return f"{amount(rng, int(order['count']))} {color}{NOUNS[item]}"
    return f"the {color}{item}" if definite else article(f"{color}{item}")


def command(rng: Random, order: Order) -> str:
    """The order as an imperative without a full stop, such as ``bring me the red cup``."""
    intent = order["intent"]
    place = order.get("place")
    if intent == "fetch":
        what = noun_phrase(rng, order, definite=rng.random() < 0.6)
        source = f" from the {place}" if place else ""
        verb = rng.choice(("bring me", "get me", "fetch"))
        return f"{verb} {what}{source}"
    if intent == "put":
        what = noun_phrase(rng, order)
        verb, preposition = rng.choice((("put", "in"), ("take", "to"), ("carry", "to")))
        return f"{verb} {what} {preposition} the {place}"
    if intent == "find":
        what = f"{order['color']} {order['item']}"
        return rng.choice((f"find my {what}", f"look for the {what}"))
    if intent == "clean":
        verb = rng.choice(("clean", "wipe"))
        return f"{verb} the {order['item']} in the {place}"
    if intent in ("open", "close"):
        verb = intent if intent == "open" else rng.choice(("close", "shut"))
        return f"{verb} the {order['item']} in the {place}"
    if intent == "switch":
        device, state = order["device"], order["state"]
        return rng.choice((f"turn {state} the {device} in the {place}",
                           f"turn the {device} in the {place} {state}",
                           f"switch {state} the {device} in the {place}"))  # fmt: skip
    person = order["person"]
    return rng.choice((f"wait for {person} in the {place}", f"meet {person} in the {place}"))


def request(rng: Random, order: Order) -> str:
    """A whole sentence that gives the order."""
    words = command(rng, order)
    frame = rng.choices(
        ("{0}.", "please {0}.", "{0}, please.", "can you {0}?", "I want you to {0}."),
        (6, 3, 2, 2, 1),
    )[0]  # fmt: skip
    sentence = frame.format(words)
    return sentence[0].upper() + sentence[1:]


def slot_phrase(rng: Random, order: Order, slot: str) -> str:
    """How one slot alone is named in a correction: ``the blue one``, ``five``."""
    value = order[slot]
    if slot == "color":
        return f"the {value} {'ones' if 'count' in order else 'one'}"
    if slot == "count":
        return amount(rng, int(value)).removesuffix(" of")
    if slot == "item" and "count" in order:
        return f"the {NOUNS[str(value)]}"
    return f"the {value}" if slot in ("item", "device", "place") else str(value)
