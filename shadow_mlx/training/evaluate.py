"""Validation: token-weighted means of an objective's losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.kernels import uninterrupted
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.compiling import can_be_compiled
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.objective import Objective, measure, named


@dataclass(frozen=True)
class Scores:
    """Means over supervised tokens, in nats: what training minimises, and the losses by name."""

    value: float
    losses: Mapping[str, float]
    tokens: int

    @property
    def finite(self) -> bool:
        """Whether every loss is a number."""
        return all(map(math.isfinite, self.losses.values()))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; the model is left in the mode that it was in."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


class Validator:
    """Scores a model on the same batches every time.

    Args:
        model: Scored in evaluation mode, and left in the mode that it was in.
        objective: Gives the losses.
        plan: The validation batches.
        batches: How many of them; -1 for all.
        team: Processes that train together.
    """

    def __init__(
        self,
        model: AttachedModel,
        objective: Objective,
        plan: BatchPlan,
        batches: int,
        team: Team | None = None,
    ) -> None:
        self.model = model
        self.objective = objective
        self.plan = plan
        self.batches = plan.batches_per_epoch if batches < 0 else batches
        self.team = team or alone()
        self._losses: Callable[[tuple[mx.array, ...]], mx.array] = (
            mx.compile(self._score, inputs=[model.state, objective.weights])
            if can_be_compiled(model)
            else self._score
        )

    def __call__(self, abandoned: Callable[[], bool] = lambda: False) -> Scores | None:
        """Run the validation.

        Args:
            abandoned: Asked between batches whether to give up (``None`` is returned then).
                Several processes cannot give up: they would have to do so together.
        """
        self.objective.at(1.0)  # models of one run are compared by what it is to end with
        with evaluating(self.model):
            return self._run(abandoned)

    def _run(self, abandoned: Callable[[], bool]) -> Scores | None:
        sums, tokens = mx.zeros(1 + len(self.objective.names)), 0
        for batch in islice(self.plan.iterate(epochs=1), self.batches):
            if self.team.size == 1 and abandoned():
                return None
            sums = sums + self._losses(supervised(batch).arrays())
            tokens += batch.global_tokens
            uninterrupted(partial(mx.eval, sums))
        numbers: Any = self.team.total(sums).tolist()
        value, *losses = (number / tokens for number in numbers)
        return Scores(value, named(self.objective, losses), tokens)

    def _score(self, arrays: tuple[mx.array, ...]) -> mx.array:
        return measure(self.objective, self.model, arrays, differentiable=False)[1]
