"""A conversation with its other versions: a tree of turns, of which one way is shown.

An answer that is made again, or a question that is asked anew, stands beside the former one and
takes nothing away. Like :class:`Conversation`, these are values, and nothing here needs MLX.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from shadow_mlx.generation.conversation import Conversation, Turn

NONE = -1
"""Where a turn would be named, and there is none."""

ROLES = ("user", "assistant")


@dataclass(frozen=True)
class Entry:
    """A turn, and the index of the entry that it follows."""

    turn: Turn
    after: int = NONE


@dataclass(frozen=True)
class Branches:
    """Everything that was said, in the order in which it was.

    Attributes:
        entries: The turns; each follows an earlier one, or none.
        last: The index of the last turn that is shown: it, and those that it follows, are the
            conversation.
        system: The system message.
    """

    entries: tuple[Entry, ...] = ()
    last: int = NONE
    system: str = ""

    @classmethod
    def of(cls, conversation: Conversation) -> Branches:
        """A conversation without other versions."""
        entries = tuple(Entry(turn, i - 1) for i, turn in enumerate(conversation.turns))
        return cls(entries, len(entries) - 1, conversation.system)

    @property
    def path(self) -> tuple[int, ...]:
        """The indices of the turns that are shown, in their order."""
        found, at = [], self.last
        while at != NONE:
            found.append(at)
            at = self.entries[at].after
        return tuple(reversed(found))

    @property
    def conversation(self) -> Conversation:
        """What is shown."""
        return Conversation(tuple(self.entries[i].turn for i in self.path), self.system)

    def first(self, count: int) -> Branches:
        """Only so many turns are shown; the others are kept."""
        return replace(self, last=self.path[count - 1] if count > 0 else NONE)

    def said(self, turn: Turn) -> Branches:
        """With a further turn, beside what has followed here already."""
        entries = (*self.entries, Entry(turn, self.last))
        return replace(self, entries=entries, last=len(self.entries))

    def asked(self, text: str) -> Branches:
        """With a person's next message."""
        return self.said(Turn("user", text))

    def places(self) -> list[tuple[int, int]]:
        """Of each turn that is shown: which of its versions it is, from 1, and of how many."""
        seen: Counter[int] = Counter()
        numbers = []
        for entry in self.entries:
            seen[entry.after] += 1
            numbers.append(seen[entry.after])
        return [(numbers[i], seen[self.entries[i].after]) for i in self.path]

    def turned(self, place: int, by: int) -> Branches:
        """Another version of the turn at ``place`` of what is shown, and what came after it.

        After the last version comes the first.
        """
        at = self.path[place]
        versions = self._after(self.entries[at].after)
        return self._newest_from(versions[(versions.index(at) + by) % len(versions)])

    def onward(self) -> Branches:
        """What followed the last turn that is shown; itself, if nothing did."""
        return self._newest_from(self.last)

    def _after(self, at: int) -> list[int]:
        return [i for i, entry in enumerate(self.entries) if entry.after == at]

    def _newest_from(self, at: int) -> Branches:
        while following := self._after(at):
            at = following[-1]
        return replace(self, last=at)

    def to_mapping(self) -> dict[str, Any]:
        """As a file keeps it."""
        entries = [
            {"after": one.after, **{k: v for k, v in asdict(one.turn).items() if v}}
            for one in self.entries
        ]
        return {"system": self.system, "last": self.last, "turns": entries}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Branches:
        """What :meth:`to_mapping` gave; what is damaged is left out, with what follows it."""
        listed, new = raw.get("turns"), {NONE: NONE}
        entries: list[Entry] = []
        for i, one in enumerate(listed if isinstance(listed, list) else []):
            turn = _turn(one)
            if turn is not None and type(one.get("after")) is int and one["after"] in new:
                new[i] = len(entries)
                entries.append(Entry(turn, new[one["after"]]))
        last, system = raw.get("last"), raw.get("system")
        found = cls(tuple(entries), system=system if isinstance(system, str) else "")
        if type(last) is int and last in new:
            return replace(found, last=new[last])
        return found.onward()


def _turn(raw: object) -> Turn | None:
    if not isinstance(raw, dict) or raw.get("role") not in ROLES:
        return None
    values = {one.name: raw.get(one.name, "") for one in fields(Turn)}
    return Turn(**values) if all(isinstance(value, str) for value in values.values()) else None
