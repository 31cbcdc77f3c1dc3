"""Steps that train on what the shadow itself writes, for which a teacher's word alone counts.

Method: generalised knowledge distillation (Agarwal et al. 2023, arXiv 2306.13649). A shadow that
learns from right answers only never sees what follows its own mistakes; here the shadow, as it is
at that step, goes on from the data's prompts, and learns what the teacher would have said at each
token that it wrote. No gradient goes through the writing.

What is written depends on the weights at that step and on (seed, step, process) alone, so a resumed
run writes the same. An answer is at most as long as the one that the data have in its place, so an
on-policy batch has the very shapes of the ordinary one, and a step needs neither another recording
nor more memory.

B rows · T inputs of a row
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from shadow_mlx.data.batches import Batch
from shadow_mlx.generation.sampled import sampled_continuations
from shadow_mlx.kernels import uninterrupted
from shadow_mlx.parallel.team import Team
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.evaluate import evaluating
from shadow_mlx.training.losses import Supervised, supervised
from shadow_mlx.training.step import seed_of

_CHOICE_STREAM, _WRITING_STREAM = 0x0F_F0, 0x0F_F1
"""They keep these draws apart from others of the same seed."""


@dataclass(frozen=True)
class Written:
    """The batches of one optimizer step as the shadow wrote them.

    Attributes:
        batches: What is trained; no target is a label.
        tokens: Written tokens, over all processes.
        input_tokens: Input tokens of this process but for padding.
    """

    batches: list[Supervised]
    tokens: int
    input_tokens: int


class Author:
    """The shadow as the author of what it learns from.

    Args:
        model: What is trained; its detached model writes, in evaluation mode and in the precision
            that it is trained in.
        share: Of the steps.
        temperature: Of the sampling; at 0 the likeliest token is taken.
        vocabulary: Tokens that it may write.
        stop: Tokens that end an answer.
        seed: Of the choice of steps and of the draws.
        team: Processes that train together; each writes its own rows.
    """

    def __init__(
        self,
        model: AttachedModel,
        *,
        share: float,
        temperature: float,
        vocabulary: int,
        stop: frozenset[int],
        seed: int,
        team: Team,
    ) -> None:
        self.model = model
        self.share = share
        self.temperature = temperature
        self.vocabulary = vocabulary
        self.stop = stop
        self.seed = seed
        self.team = team
        self._writer = model.detached()

    def writes(self, step: int) -> bool:
        """Whether optimizer step ``step`` (from 1) is one of those; all processes agree on it.

        Drawn for each step by itself: every so-many-th step would meet the same examples again and
        again where an epoch has a multiple of so many batches.
        """
        return seed_of(self.seed, step, _CHOICE_STREAM) * 2.0**-64 < self.share

    def written(self, step: int, drawn: Sequence[Batch]) -> Written:
        """The batches of a step with the shadow's own words in place of each row's last answer.

        Of a row with several answers it is the last one that is written anew: what comes before it
        is most. The tokens before the first one are the prompt of a row with one answer; a text
        that is trained from its beginning is written from its first token.

        Args:
            step: From 1.
            drawn: This process's rows of the batches that an ordinary step would train on.
        """
        with evaluating(self.model):
            anew = [self._rewritten(step, number, batch) for number, batch in enumerate(drawn)]
        tokens = self.team.total(mx.array(sum(batch.tokens for batch, _ in anew)))
        count: Any = uninterrupted(tokens.item)
        batches = [
            supervised(batch, labelled=False, room=before.tokens)
            for (batch, _), before in zip(anew, drawn, strict=True)
        ]
        return Written(batches, int(count), sum(inputs for _, inputs in anew))

    def _rewritten(self, step: int, number: int, batch: Batch) -> tuple[Batch, int]:
        """The batch of what was written, and its input tokens."""
        rows = np.flatnonzero(batch.weights.any(axis=1))  # a short batch has rows of padding
        answers = [_last_answer(batch.weights[row]) for row in rows]
        inputs, targets = np.zeros_like(batch.inputs), np.zeros_like(batch.targets)
        weights = np.zeros_like(batch.weights)
        prompts = [
            tuple(batch.inputs[row, : first + 1].tolist())
            for row, (first, _) in zip(rows, answers, strict=True)
        ]
        found = self._continued(prompts, [length for _, length in answers], step, number)
        for row, prompt, words in zip(rows, prompts, found, strict=True):
            first, end = len(prompt) - 1, len(prompt) - 1 + len(words)
            inputs[row, :end] = (*prompt, *words[:-1])
            targets[row, first:end] = words
            weights[row, first:end] = 1
        tokens = sum(map(len, found))
        read = sum(map(len, prompts)) + tokens - len(prompts)
        anew = dataclasses.replace(
            batch, inputs=inputs, targets=targets, weights=weights, tokens=tokens
        )
        return anew, read

    def _continued(
        self, prompts: Sequence[tuple[int, ...]], longest: Sequence[int], step: int, number: int
    ) -> list[tuple[int, ...]]:
        if not prompts:  # a process may have none of a short batch's rows
            return []
        word = seed_of(self.seed, step, self.team.rows[0], number, _WRITING_STREAM)
        written = sampled_continuations(
            self._writer,
            prompts,
            longest,
            temperature=self.temperature,
            vocabulary=self.vocabulary,
            stop=self.stop,
            key=mx.random.key(word),
        )
        return [tuple(ids) for ids in self.team.told(written)]


def _last_answer(weights: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[int, int]:
    """Where the last stretch of trained targets begins, and how many there are."""
    trained = np.flatnonzero(weights)
    begins = np.flatnonzero(np.diff(trained, prepend=-2) > 1)[-1]
    return int(trained[begins]), len(trained) - int(begins)
