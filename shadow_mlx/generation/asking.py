"""One record as a question: what a model is shown, and the answer that the file expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shadow_mlx.data.schema import Record
from shadow_mlx.generation.prompts import chat_prompt, plain_prompt

LONGEST_OPENING = 1000
"""Characters of a plain text before the place from which it is to be continued, and behind it."""


@dataclass(frozen=True)
class Question:
    """One example of a data file, asked.

    Attributes:
        line: Its line in the file, from 1.
        shown: What a reader sees of the prompt: the last thing that a person said.
        prompt: Token ids, ready for the answer.
        expected: The answer in the file.
    """

    line: int
    shown: str
    prompt: tuple[int, ...]
    expected: str


def question_of(record: Record, tokenizer: Any) -> Question | None:
    """The last assistant turn of a chat, or the completion of a prompt.

    ``None`` for plain text and for chats that end with somebody else: nothing is asked there.

    Raises:
        InputError: The chat template refuses the messages, or the prompt holds no token.
    """
    if record.kind == "completion":
        if tokenizer.has_chat_template:
            prompt = chat_prompt(tokenizer, [{"role": "user", "content": record.prompt}])
        else:
            prompt = plain_prompt(tokenizer, record.prompt)
        return Question(record.line, record.prompt, tuple(prompt), record.completion)
    if record.kind == "text" or record.messages[-1]["role"] != "assistant":
        return None
    messages = [dict(message) for message in record.messages]
    answer = messages.pop()
    options = {"tools": [dict(tool) for tool in record.tools]} if record.tools else None
    prompt = chat_prompt(tokenizer, messages, options)
    return Question(record.line, _last_words(messages), tuple(prompt), str(answer["content"]))


def continuation_of(record: Record, tokenizer: Any) -> Question | None:
    """A plain text, to be continued from its middle; ``None`` for a text of one word.

    Raises:
        InputError: The first half holds no token.
    """
    text = record.text.strip()
    middle = text.find(" ", min(len(text) // 2, LONGEST_OPENING))
    if middle < 0:
        middle = text.rfind(" ")
    if middle < 0:
        return None
    opening, rest = text[:middle], text[middle : middle + LONGEST_OPENING]
    return Question(record.line, opening, tuple(plain_prompt(tokenizer, opening)), rest)


def _last_words(messages: Sequence[dict[str, Any]]) -> str:
    return next((str(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
