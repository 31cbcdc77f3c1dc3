"""A model's answer beside the one that the file expects."""

from __future__ import annotations

from dataclasses import dataclass

from shadow_mlx.evaluation.metrics import Pair, exact_match
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.generation.calls import as_text


@dataclass(frozen=True)
class Reply:
    """One answer, read.

    Attributes:
        words: What was said, the tool calls with it.
        reasoning: What was thought before it.
        unfinished: Whether it was still thinking at the end of its length.
        pair: What is judged: the words beside the expected ones; where calls are expected, both
            calls as JSON.
    """

    words: str
    reasoning: str
    unfinished: bool
    pair: Pair


def reply_to(question: Question, answer: str, asker: Asker) -> Reply:
    """Read what a model has answered to a question."""
    read = asker.read(answer, question)
    if question.calls:
        calls = asker.calls(read.words, question)
        same = calls == list(question.calls)
        pair = Pair(as_text(calls), compared(question), same)
    else:
        same = exact_match(read.words, question.expected)
        pair = Pair(read.words, question.expected, same)
    return Reply(read.words, read.reasoning, read.unfinished, pair)


def compared(question: Question) -> str:
    """What a model's answer is held against: the expected calls as JSON, or the expected words."""
    return as_text(question.calls) if question.calls else question.expected
