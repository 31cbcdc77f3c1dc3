"""The label of a text as the likeliest answer: a class without reading what a model writes.

Every label is scored by its log-probability behind the question, the end of the answer with it:
exactly what is trained of an example. Calibrated, it is weighed by how likely the label is where
the question says nothing (Zhao et al. 2021, "Calibrate Before Use", arXiv 2102.09690): a model
that likes a label whatever the text is likes it less by as much.

L labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shadow_mlx.evaluation.answering import OnAnswer
from shadow_mlx.generation.continuations import Ids, Scores, continuation_logprobs
from shadow_mlx.runs.events import StopToken


@dataclass(frozen=True)
class LabelPrompt:
    """One question, ready to be scored.

    Attributes:
        prompt: Its token ids.
        answers: The ids of each label behind it, and of the end of the answer.
        content_free: The prompts that say nothing in its place; none without calibration.
    """

    prompt: Ids
    answers: Sequence[Ids]
    content_free: tuple[Ids, ...] = ()


def choose(
    model: Any,
    prompts: Sequence[LabelPrompt],
    labels: Sequence[str],
    *,
    batch_size: int = 32,
    on_answer: OnAnswer = lambda place, answer: None,
    stop: StopToken | None = None,
) -> list[str | None]:
    """The likeliest label of each question.

    Stopped, it gives those that were chosen by then, and None for the others.

    Args:
        model: Anything with mlx-lm's call surface.
        prompts: What is asked.
        labels: In the order of the prompts' answers.
        batch_size: Labels that are computed together.
        on_answer: Called with the place of each question and the label that is chosen.
        stop: Looked at between questions.
    """
    chosen: list[str | None] = [None] * len(prompts)
    weights = _Weights(model, batch_size)
    scored = continuation_logprobs(
        model,
        [one.prompt for one in prompts],
        [one.answers for one in prompts],
        batch_size=batch_size,
    )
    for i, one in enumerate(prompts):
        if stop is not None and stop.stopping:
            break
        scores = next(scored) - weights.of(one)
        chosen[i] = label = labels[int(np.argmax(scores))]
        on_answer(i, label)
    return chosen


class _Weights:
    """How likely each label is where nothing is said, float64[L]; questions alike share it."""

    def __init__(self, model: Any, batch_size: int) -> None:
        self._model, self._batch_size = model, batch_size
        self._known: dict[tuple[Ids, ...], Scores] = {}

    def of(self, prompt: LabelPrompt) -> Scores | float:
        free = prompt.content_free
        if not free:
            return 0.0
        if free not in self._known:
            scored = continuation_logprobs(
                self._model, free, [prompt.answers] * len(free), batch_size=self._batch_size
            )
            self._known[free] = mean_over_texts(list(scored))
        return self._known[free]


def mean_over_texts(scores: Sequence[Scores]) -> Scores:
    """The logarithm of each label's mean share over some texts, float64[L].

    A share is a label's probability over that of all labels together (the paper's p_cf).
    """
    shares = [one - np.logaddexp.reduce(one) for one in scores]
    return np.logaddexp.reduce(shares, axis=0) - np.log(len(shares))
