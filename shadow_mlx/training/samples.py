"""Answers to a few validation examples while a run trains, so that a person sees it learn.

Nothing that the training depends on is touched: decoding is greedy, so no random number is drawn,
and no process waits for another inside, but where they have a split backbone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from shadow_mlx.data.reading.records import Records
from shadow_mlx.errors import InputError
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.generation.decode import answer_greedily
from shadow_mlx.kernels import uninterrupted
from shadow_mlx.parallel.team import Team
from shadow_mlx.runs.events import Sampled
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.evaluate import evaluating

MAX_TOKENS = 64
"""Longest answer: a sample shows how the model answers, and must not hold the training up."""

LONGEST_PROMPT = 600
"""Characters of a prompt that an event repeats."""

TRIES = 50
"""Records that are looked at for one example; the rest of a large file is left unread."""


class Sampler:
    """Answers the same questions every time, attached and detached.

    Args:
        model: Asked in evaluation mode, and left in the mode that it was in.
        tokenizer: As mlx-lm loads it.
        asker: Reads the answers.
        questions: What is asked.
        team: Processes that train together; where the backbone is split, all of them answer.
    """

    def __init__(
        self,
        model: AttachedModel,
        tokenizer: Any,
        asker: Asker,
        questions: Sequence[Question],
        team: Team | None = None,
    ) -> None:
        self._model = model
        self._detached = model.detached()
        self._tokenizer = tokenizer
        self._asker = asker
        self._team = team
        self._asked = [
            (question, _cut(question.shown, LONGEST_PROMPT), self._beginning(question))
            for question in questions
        ]

    def __call__(self, step: int, abandoned: Callable[[], bool] = lambda: False) -> list[Sampled]:
        """Ask everything.

        Args:
            step: Optimizer steps done.
            abandoned: Asked between tokens whether to give up; what is complete is returned then.
        """
        events: list[Sampled] = []
        with evaluating(self._model):
            for number, (question, shown, expected) in enumerate(self._asked, start=1):
                began = time.perf_counter()
                answers = [
                    uninterrupted(partial(self._answer, model, question, abandoned))
                    for model in (self._model, self._detached)
                ]
                attached, detached = answers
                if attached is None or detached is None:
                    break
                events.append(
                    Sampled(
                        time.time(),
                        step,
                        number,
                        shown,
                        expected,
                        self._said(attached, question),
                        self._said(detached, question),
                        time.perf_counter() - began,
                    )
                )
        return events

    def _answer(self, model: Any, question: Question, abandoned: Callable[[], bool]) -> str | None:
        return answer_greedily(
            model, self._tokenizer, question.prompt, MAX_TOKENS, abandoned, self._team
        )

    def _said(self, answer: str, question: Question) -> str:
        """What is said, or as much of the reasoning as there is before anything is."""
        read = self._asker.read(answer, question)
        return read.words or f"(thinking) {read.reasoning}" if read.reasoning else read.words

    def _beginning(self, question: Question) -> str:
        """As much of the expected answer as an answer may have, cut off in the same way."""
        tokens = self._tokenizer.encode(question.expected, add_special_tokens=False)
        if len(tokens) < MAX_TOKENS:
            return question.expected
        return str(self._tokenizer.decode(tokens[:MAX_TOKENS])) + "…"


def choose_questions(
    records: Records, asker: Asker, count: int, longest_prompt: int
) -> list[Question]:
    """At most ``count`` examples, spread evenly over the file; the same ones at every call.

    Args:
        records: The validation examples.
        asker: Makes questions for one tokenizer.
        count: How many.
        longest_prompt: In tokens; examples with a longer one are passed over.
    """
    chosen = []
    ends = [len(records) * k // max(count, 1) for k in range(count + 1)]
    for start, end in pairwise(ends):
        for i in range(start, min(end, start + TRIES)):
            question = _asked(records, i, asker)
            if question is not None and 0 < len(question.prompt) <= longest_prompt:
                chosen.append(question)
                break
    return chosen


def _asked(records: Records, i: int, asker: Asker) -> Question | None:
    record = records[i]
    try:
        ask = asker.continuation_of if record.kind == "text" else asker.question_of
        question = ask(record)
    except InputError:  # the template takes the conversation, but not with its answer missing
        return None
    return question if question is not None and question.expected.strip() else None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"
