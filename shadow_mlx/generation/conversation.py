"""A conversation: frozen turns, and the changes that make new ones. Nothing here needs MLX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shadow_mlx.data.reading.message_flags import REASONING_KEY

Message = dict[str, str]
"""``role``, ``content``, and the reasoning of an answer as ``reasoning_content``."""


@dataclass(frozen=True)
class Turn:
    """One message.

    Attributes:
        role: Who said it: ``user``, ``assistant`` or, between others, ``system``.
        text: What was said.
        mode: Of an answer: the mode that gave it.
        note: Of an answer: what it took.
        weights: Of an answer: the weights that gave it.
        reasoning: Of an answer: what was thought before it.
    """

    role: str
    text: str
    mode: str = ""
    note: str = ""
    weights: str = ""
    reasoning: str = ""

    @property
    def message(self) -> Message:
        """As a chat template takes it, which decides whether a reasoning is shown again."""
        thought = {REASONING_KEY: self.reasoning} if self.reasoning else {}
        return {"role": self.role, "content": self.text, **thought}

    @property
    def who(self) -> str:
        """Who said it, in a few words."""
        if self.role == "user":
            return "you"
        return " · ".join(filter(None, (self.mode or self.role, self.weights)))


@dataclass(frozen=True)
class Conversation:
    """What was said, and the system message."""

    turns: tuple[Turn, ...] = ()
    system: str = ""

    @classmethod
    def from_messages(cls, messages: Sequence[Mapping[str, str]], mode: str = "") -> Conversation:
        """A conversation of messages, the first of which may be the system's.

        Args:
            messages: As :meth:`messages` gives them.
            mode: What stands for the mode of their answers.
        """
        has_system = bool(messages) and messages[0]["role"] == "system"
        rest = messages[1:] if has_system else messages
        turns = (
            Turn(
                one["role"],
                one["content"],
                mode=mode if one["role"] == "assistant" else "",
                reasoning=one.get(REASONING_KEY, ""),
            )
            for one in rest
        )
        return cls(tuple(turns), messages[0]["content"] if has_system else "")

    def messages(self) -> list[Message]:
        """As a chat template takes it, and a file keeps it."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *(turn.message for turn in self.turns)]

    def said(self, *turns: Turn) -> Conversation:
        """With further turns."""
        return replace(self, turns=(*self.turns, *turns))

    def asked(self, text: str) -> Conversation:
        """With a person's next message."""
        return self.said(Turn("user", text))

    def before_last_question(self) -> tuple[Conversation, str]:
        """Without the last question and what followed it; and that question."""
        for i in reversed(range(len(self.turns))):
            if self.turns[i].role == "user":
                return replace(self, turns=self.turns[:i]), self.turns[i].text
        return self, ""

    def last_answer(self) -> str:
        """The newest answer, or ``""``."""
        return next((t.text for t in reversed(self.turns) if t.role == "assistant"), "")
