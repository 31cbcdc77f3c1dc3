"""Generates the example data: orders to a home robot, answered with a JSON intent.

An order is a set of slots. A *twist* decides how it is said: plainly, with a correction,
over two turns, with a pronoun … The answer is a pure
function of the slots, so the same wording machinery serves every intent.

The test split holds combinations that training never shows: some pairs of slot values (such
as ``item=cup`` with ``color=red``) are kept out of every training and validation
conversation, and every test answer contains at least one of them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from .words import NOUNS, NUMBERS, article

SPLITS = {"train": 3000, "valid": 200, "test": 500}
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
#: The share of conversations that begin with a system message, and what it says.
SYSTEM_SHARE = 0.06
SYSTEMS = ("You are a home robot.", "You are a helpful robot.", "Answer in JSON.")

LATER_FRAMES = (
    "No, {0}.", "Not {1}, {0}.", "I meant {0}.", "Sorry, {0}, please.", "Now {0}.", "And {0}.",
    "And now {0}, please.", "Now the same, but {0}.",
)  # fmt: skip

Order = dict[str, str | int]
Message = dict[str, str]


# --- what an order means ---------------------------------------------------------------


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


# --- drawing orders ---------------------------------------------------------------------


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


# --- wording ----------------------------------------------------------------------------


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


# --- twists: how an order is said -------------------------------------------------------


@dataclass(frozen=True)
class Conversation:
    """Turns as ``(said, order meant)``."""

    turns: tuple[tuple[str, Order], ...]

    @property
    def orders(self) -> list[Order]:
        return [order for _, order in self.turns]

    def messages(self, system: str | None = None) -> list[Message]:
        found = [{"role": "system", "content": system}] if system else []
        for said, order in self.turns:
            found.append({"role": "user", "content": said})
            found.append({"role": "assistant", "content": answer(order)})
        return found


Twist = Callable[[Random, Order], Conversation | None]


def plain(rng: Random, order: Order) -> Conversation:
    return Conversation(((request(rng, order), order),))


def changed(rng: Random, order: Order) -> tuple[Order, str]:
    """The order with one slot changed, and that slot."""
    slots = [slot for slot in order if slot != "intent"]
    slot = rng.choice(slots)
    return {**order, slot: other_value(rng, order, slot)}, slot


def corrected(rng: Random, order: Order) -> Conversation:
    """Said wrong at first and put right in the same breath."""
    wrong, slot = changed(rng, order)
    right, false = slot_phrase(rng, order, slot), slot_phrase(rng, wrong, slot)
    fix = rng.choice(("No, {0}.", "No, wait, {0}.", "Sorry, {0}.", "I mean {0}.", "Actually {0}.",
                      "Not {1}, {0}.", "No, not {1}, {0}."))  # fmt: skip
    said = f"{request(rng, wrong)} {fix.format(right, false)}"
    return Conversation(((said, order),))


def corrected_later(rng: Random, order: Order) -> Conversation:
    """Put right, or varied, in a second turn."""
    first, slot = changed(rng, order)
    right, false = slot_phrase(rng, order, slot), slot_phrase(rng, first, slot)
    frame = rng.choice(LATER_FRAMES)
    said = frame.format(right, false)
    return Conversation(((request(rng, first), first), (said, order)))


def undone(rng: Random, order: Order) -> Conversation | None:
    """``Turn it off again``: the second turn names nothing."""
    if order["intent"] == "switch":
        first = {**order, "state": other_value(rng, order, "state")}
        verb = rng.choice(("Turn", "Switch", "Now turn"))
        said = f"{verb} it {order['state']} again."
    elif order["intent"] in ("open", "close"):
        first = {**order, "intent": "close" if order["intent"] == "open" else "open"}
        said = rng.choice((f"Now {order['intent']} it again.", f"Please {order['intent']} it."))
    else:
        return None
    return Conversation(((request(rng, first), first), (said, order)))


def pronoun(rng: Random, order: Order) -> Conversation | None:
    """The thing is seen first and then only called ``it``."""
    if order["intent"] not in ("fetch", "put") or "count" in order or "place" not in order:
        return None
    thing = article(noun_phrase(rng, order).removeprefix("the "))
    see = rng.choice((f"There is {thing}", f"I see {thing}", f"You can see {thing}"))
    if order["intent"] == "fetch":
        verb = rng.choice(("Bring it to me", "Get it", "Please fetch it", "Can you get it"))
        said = f"{see} in the {order['place']}. {verb}."
    else:
        verb = rng.choice(("Put it in", "Take it to", "Please carry it to"))
        said = f"{see}. {verb} the {order['place']}."
    return Conversation(((said, order),))


def negated(rng: Random, order: Order) -> Conversation | None:
    """What is not wanted is named as well."""
    other, slot = changed(rng, order)
    if slot not in ("color", "item", "device", "place", "person"):
        return None
    not_this = slot_phrase(rng, other, slot)
    words = command(rng, order)
    said = rng.choice((f"{words}, not {not_this}.", f"not {not_this}: {words}."))
    return Conversation(((said[0].upper() + said[1:], order),))


TWISTS: dict[Twist, float] = {
    plain: 62, corrected: 9, corrected_later: 17, undone: 4, pronoun: 4, negated: 4,
}  # fmt: skip
INTENTS: dict[str, float] = {
    "fetch": 26, "put": 22, "find": 8, "clean": 9, "open": 8, "close": 8, "switch": 13, "go": 6,
}  # fmt: skip


# --- splits -----------------------------------------------------------------------------


def draw_conversations(rng: Random, split: str) -> Iterator[Conversation]:
    """Endless conversations whose slot combinations belong to ``split``."""
    while True:
        intent = rng.choices(list(INTENTS), list(INTENTS.values()))[0]
        twist = rng.choices(list(TWISTS), list(TWISTS.values()))[0]
        conversation = twist(rng, draw_order(rng, intent))
        if conversation is None:
            continue
        held_out = [has_held_out_pair(order) for order in conversation.orders]
        if held_out[-1] if split == "test" else not any(held_out):
            yield conversation


def draw_splits(seed: int) -> dict[str, list[list[Message]]]:
    """The messages of every split; no conversation occurs twice."""
    seen: set[str] = set()
    splits: dict[str, list[list[Message]]] = {}
    for split, size in SPLITS.items():
        rows: list[list[Message]] = []
        rng = Random(f"{seed}/robot/{split}")
        for conversation in draw_conversations(rng, split):
            with_system = rng.random() < SYSTEM_SHARE
            messages = conversation.messages(rng.choice(SYSTEMS) if with_system else None)
            key = json.dumps(messages)
            if key not in seen:
                seen.add(key)
                rows.append(messages)
            if len(rows) == size:
                break
        splits[split] = rows
    check_splits(splits)
    return splits


def answered_slots(messages: list[Message]) -> list[dict[str, Any]]:
    """The parsed answers of a conversation, in order."""
    return [json.loads(turn["content"]) for turn in messages if turn["role"] == "assistant"]


def check_splits(splits: dict[str, list[list[Message]]]) -> None:
    """Raise ``ValueError`` unless every test answer holds a pair that training never shows.

    Also every single value in the test answers must occur in training: only the
    combinations are new.
    """
    pairs: set[str] = set()
    values: set[tuple[str, Any]] = set()
    for messages in splits["train"] + splits["valid"]:
        for slots in answered_slots(messages):
            pairs |= slot_pairs(slots)
            values |= set(slots.items())
    for messages in splits["test"]:
        final = answered_slots(messages)[-1]
        if not slot_pairs(final) - pairs:
            raise ValueError(f"test answer without a new combination: {final}")
        if unknown := set(final.items()) - values:
            raise ValueError(f"test answer with values that training lacks: {unknown}")


def write_robot_intents(folder: Path, seed: int) -> None:
    """Write ``train``, ``valid`` and ``test`` as JSON Lines into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in draw_splits(seed).items():
        lines = (json.dumps({"messages": messages}, ensure_ascii=False) for messages in rows)
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
