"""How an order is said: plainly, with a correction, over two turns, with a pronoun …"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from ..words import article
from .orders import Order, answer, draw_order, has_held_out_pair, other_value
from .wording import command, noun_phrase, request, slot_phrase

LATER_FRAMES = (
    "No, {0}.", "Not {1}, {0}.", "I meant {0}.", "Sorry, {0}, please.", "Now {0}.", "And {0}.",
    "And now {0}, please.", "Now the same, but {0}.",
)  # fmt: skip

Message = dict[str, str]


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
