"""One record as a question: what a model is shown, and the answer that the file expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.reasoning import Opening, Thoughts
from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.chat.turns import Talk, prompt_of, turn_of
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.errors import InputError
from shadow_mlx.generation.answers import AnswerReader
from shadow_mlx.generation.calls import Call, calls_in
from shadow_mlx.generation.prompts import plain_prompt

LONGEST_OPENING = 1000
"""Characters of a plain text before the place from which it is to be continued, and behind it."""


@dataclass(frozen=True)
class Question:
    """One example of a data file, asked.

    Attributes:
        line: Its line in the file, from 1.
        shown: What a reader sees of the prompt: the last thing that a person said.
        prompt: Token ids, ready for the answer.
        expected: What the answer in the file says, without what the chat template puts around it.
        opening: The reasoning that the prompt opens.
        calls: The tool calls of the expected answer; empty without any, and where the way in
            which the model writes calls is not known: then they are compared as text.
        tools: Descriptions of the functions that may be called.
        whole: Whether an answer counts with its reasoning: the expected one has nothing else.
    """

    line: int
    shown: str
    prompt: tuple[int, ...]
    expected: str
    opening: Opening | None = None
    calls: tuple[Call, ...] = ()
    tools: tuple[Mapping[str, Any], ...] | None = None
    whole: bool = False


class Asker:
    """Makes questions of records, and reads the answers to them.

    Args:
        form: The tokenizer with its chat template, as training uses them.
    """

    def __init__(self, form: ChatFormat) -> None:
        self._form = form
        self._reader = AnswerReader(form)

    def question_of(self, record: Record) -> Question | None:
        """The last assistant turn of a chat, or the completion of a prompt.

        ``None`` for plain text and for chats that end with somebody else: nothing is asked there.

        Raises:
            InputError: The chat template refuses the messages, or the prompt holds no token.
        """
        form = self._form
        if record.kind == "completion" and not form.template.exists:
            prompt = tuple(plain_prompt(form, record.prompt))
            return Question(record.line, record.prompt, prompt, record.completion)
        if record.kind == "text" or record.messages[-1]["role"] != "assistant":
            return None
        talk, last = Talk(record.messages, record.tools, record.options), len(record.messages) - 1
        text = prompt_of(form.template, talk, last)
        try:
            if text is None:  # say why
                text = talk.text(form.template, last, prompt=True)
            turn = turn_of(form.template, form.ending, talk, last, text)
        except TemplateError as error:
            raise InputError(
                f"line {record.line}: the model's chat template refuses the conversation: {error}"
            ) from None
        written = form.written(turn.prompt, turn.answer)
        return self._question(record, tuple(form.ids([text])[0]), written)

    def _question(self, record: Record, prompt: tuple[int, ...], answer: str) -> Question:
        opening = self._reader.opening(prompt)
        read = self._reader.read(answer, opening)
        whole = not read.words.strip()
        calls: Sequence[Call] = ()
        asked = record.messages[-1].get("tool_calls") or []
        if asked:
            found = calls_in(read.words, self._form.tokenizer, record.tools)
            calls = found if len(found) == len(asked) else ()
        return Question(
            record.line,
            _last_words(record.messages[:-1]),
            prompt,
            answer.strip() if whole else read.words,
            opening,
            tuple(calls),
            record.tools,
            whole,
        )

    def continuation_of(self, record: Record) -> Question | None:
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
        return Question(record.line, opening, tuple(plain_prompt(self._form, opening)), rest)

    def read(self, answer: str, question: Question) -> Thoughts:
        """What a model has answered to a question, in its parts."""
        if question.whole:
            return Thoughts("", answer)
        return self._reader.read(answer, question.opening)

    def calls(self, said: str, question: Question) -> list[Call]:
        """The tool calls in what was said to a question that expects some."""
        return calls_in(said, self._form.tokenizer, question.tools) if question.calls else []


def _last_words(messages: Sequence[Mapping[str, Any]]) -> str:
    return next((str(m["content"]) for m in reversed(messages) if m["role"] == "user"), "")
