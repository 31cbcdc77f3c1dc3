"""A model's answer beside the one that the file expects."""

from __future__ import annotations

from dataclasses import dataclass

from shadow_mlx.evaluation.metrics import exact_match
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.generation.calls import as_text


@dataclass(frozen=True)
class Reply:
    """One answer, read.

    Attributes:
        words: What was said, the tool calls with it.
        reasoning: What was thought before it.
        unfinished: Whether it was still thinking at the end of its length.
        right: Whether it is what was expected: the same calls where calls are expected, else the
            same text.
        compared: What fields are counted in: the calls as JSON, or the words.
    """

    words: str
    reasoning: str
    unfinished: bool
    right: bool
    compared: str


def reply_to(question: Question, answer: str, asker: Asker) -> Reply:
    """Read what a model has answered to a question."""
    read = asker.read(answer, question)
    if not question.calls:
        right = exact_match(read.words, question.expected)
        return Reply(read.words, read.reasoning, read.unfinished, right, read.words)
    calls = asker.calls(read.words, question)
    right = calls == list(question.calls)
    return Reply(read.words, read.reasoning, read.unfinished, right, as_text(calls))


def compared(question: Question) -> str:
    """The expected answer, as :attr:`Reply.compared` gives a model's."""
    return as_text(question.calls) if question.calls else question.expected
