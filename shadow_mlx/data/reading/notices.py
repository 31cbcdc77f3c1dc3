"""What a person should know of data that are otherwise in order: one sentence, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Notice:
    """A sentence for one finding of a kind, and for several; the count stands in front of it."""

    one: str
    many: str

    def counted(self, count: int) -> str:
        """The sentence with its count."""
        return f"{count:,} {self.one if count == 1 else self.many}"


Notices = Counter[Notice]


def sentences(notices: Notices) -> list[str]:
    """One sentence for each kind, in the order in which they were found."""
    return [notice.counted(count) for notice, count in notices.items() if count]


CUT = Notice(
    "example is cut at --max-seq-length",
    "examples are cut at --max-seq-length",
)
TOO_LONG = Notice(
    "example is longer than --max-seq-length",
    "examples are longer than --max-seq-length",
)
NOTHING_TRAINED = Notice(
    "example is dropped: no trained token is left within --max-seq-length",
    "examples are dropped: no trained token is left within --max-seq-length",
)
ANSWERS_CUT = Notice(
    "answer lies wholly behind --max-seq-length and is not trained",
    "answers lie wholly behind --max-seq-length and are not trained",
)
SPLIT = Notice(
    "chat becomes several examples: the chat template shows earlier answers otherwise than the "
    "answer being given",
    "chats become several examples: the chat template shows earlier answers otherwise than the "
    "answer being given",
)
NO_TEMPLATE = Notice(
    "example has tools or options of a chat template, and the model has no template",
    "examples have tools or options of a chat template, and the model has no template",
)
UNSHOWN_REASONING = Notice(
    "answer has a reasoning that the chat template does not show: it is not trained",
    "answers have a reasoning that the chat template does not show: it is not trained",
)
UNASKED = Notice(
    "answer has no question: the chat template makes no prompt of what stands before it; it is "
    "shown to the model, not trained",
    "answers have no question: the chat template makes no prompt of what stands before them; they "
    "are shown to the model, not trained",
)


def left_out(role: str) -> Notice:
    """A message that the prompt does not show."""
    words = "the chat template leaves {} out: the model does not see {}"
    return Notice(
        f"{role} message is not shown: " + words.format("it", "it"),
        f"{role} messages are not shown: " + words.format("them", "them"),
    )


def unread_key(key: str) -> Notice:
    """A key of messages that the template never asks for."""
    return Notice(
        f"example has messages with {key!r}, which the chat template does not read",
        f"examples have messages with {key!r}, which the chat template does not read",
    )


def special_token(word: str) -> Notice:
    """A special token that somebody has typed into a content."""
    return Notice(
        f"example has {word} typed in its text: the model reads it as that special token",
        f"examples have {word} typed in their text: the model reads it as that special token",
    )
