"""Records to questions: what a model is shown, and the answer that is expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shadow_mlx.data.records import Records
from shadow_mlx.data.schema import Record
from shadow_mlx.errors import DataError
from shadow_mlx.generation.prompts import chat_prompt, plain_prompt


@dataclass(frozen=True)
class Question:
    """One example of a test file, asked.

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


def questions_of(records: Records, tokenizer: Any) -> list[Question]:
    """The questions of a file: the last assistant turn of a chat, the completion of a prompt.

    Args:
        records: The test file.
        tokenizer: As mlx-lm loads it.

    Raises:
        DataError: The file holds plain texts, in which nothing is asked.
    """
    asked = [_question(records[i], tokenizer) for i in range(len(records))]
    questions = [question for question in asked if question is not None]
    if not questions:
        raise DataError(
            f"{records.path}: nothing to answer; expected chats that end with an assistant turn, "
            "or prompts with completions"
        )
    return questions


def _question(record: Record, tokenizer: Any) -> Question | None:
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


def _last_words(messages: Sequence[dict[str, Any]]) -> str:
    return next((str(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
