"""A conversation as the chat keeps it: frozen turns, and the changes that make new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Turn:
    """One message.

    ``mode`` and ``weights`` tell who gave an answer, ``note`` what it took, ``reasoning`` what was
    thought before it.
    """

    role: str
    text: str
    mode: str = ""
    note: str = ""
    weights: str = ""
    reasoning: str = ""

    @property
    def message(self) -> dict[str, str]:
        """As a chat template takes it, and a file keeps it."""
        thought = {"reasoning_content": self.reasoning} if self.reasoning else {}
        return {"role": self.role, "content": self.text, **thought}

    @property
    def who(self) -> str:
        """Who said it, in a few words."""
        if self.role == "user":
            return "you"
        return " · ".join(filter(None, (self.mode or self.role, self.weights)))


@dataclass(frozen=True)
class Conversation:
    """What was said, and the system message. ``saved`` tells whether a file holds it."""

    turns: tuple[Turn, ...] = ()
    system: str = ""
    saved: bool = True

    def said(self, turn: Turn) -> Conversation:
        """With one more turn."""
        return replace(self, turns=(*self.turns, turn), saved=False)

    def before_last_question(self) -> tuple[Conversation, str]:
        """Without the last question and what followed it; and that question."""
        for i in reversed(range(len(self.turns))):
            if self.turns[i].role == "user":
                return replace(self, turns=self.turns[:i], saved=False), self.turns[i].text
        return self, ""

    def last_answer(self) -> str:
        """The newest answer, or ``""``."""
        return next((t.text for t in reversed(self.turns) if t.role == "assistant"), "")

    def messages(self) -> list[dict[str, str]]:
        """As a chat template takes it."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *(turn.message for turn in self.turns)]


def from_messages(messages: Sequence[Mapping[str, str]]) -> Conversation:
    """A conversation from a file's messages."""
    has_system = bool(messages) and messages[0]["role"] == "system"
    rest = messages[1:] if has_system else messages
    turns = tuple(
        Turn(
            m["role"],
            m["content"],
            mode="loaded" * (m["role"] == "assistant"),
            reasoning=m.get("reasoning_content", ""),
        )
        for m in rest
    )
    return Conversation(turns, messages[0]["content"] if has_system else "")
