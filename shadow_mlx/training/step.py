"""One optimizer step, compiled: losses, gradients, clipping, update, and a guard around it.

Everything that changes from call to call enters as an array; a Python number would be a new trace.
Sums run over supervised tokens and are divided once, at the end, by their number: over batches of
a window (accumulation) and over processes alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_map

from shadow_mlx.backbones import recurrences
from shadow_mlx.kernels import uninterrupted
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training import scales
from shadow_mlx.training.compiling import can_be_compiled
from shadow_mlx.training.losses import Supervised
from shadow_mlx.training.objective import Objective, measure, named

Sums = tuple[Any, mx.array]
"""Gradients of the objective's value, and ``[value, *losses]``, all summed over tokens."""


@dataclass(frozen=True)
class StepResult:
    """What one step says of itself; sums over the tokens of all processes.

    ``value`` is what is minimised. ``stop_requests`` counts the processes that were asked to stop:
    all of them read the same number, so they stop together.
    """

    value: float
    losses: Mapping[str, float]
    gradient_norm: float
    finite: bool
    stop_requests: int
    input_tokens: int


class TrainingStep:
    """The compiled step of one model and one optimizer.

    Args:
        model: Its trainable parameters are updated in place.
        optimizer: Initialised here.
        objective: What to minimise.
        clip: Largest global gradient norm; 0 for none.
        seed: With the number of the step and of the process, it seeds dropout.
        team: Processes that train together.
        units: What the weights are measured in while they train (:mod:`.scales`).

    Attributes:
        traces: How often a function was traced for new shapes.
        is_compiled: Whether MLX can record the model; if not, every step runs as it is written.
        kernels: Whether recurrences may use kernels (:mod:`.recurrences`).
    """

    kernels = True

    def __init__(
        self,
        model: AttachedModel,
        optimizer: optim.MultiOptimizer,
        objective: Objective,
        *,
        clip: float = 0.0,
        seed: int = 0,
        team: Team | None = None,
        units: scales.Units | None = None,
    ) -> None:
        optimizer.init(model.trainable_parameters())
        self.units = units or {}
        self.model = model
        self.optimizer = optimizer
        self.objective = objective
        self.clip = clip or math.inf
        self.seed = seed
        self.team = team or alone()
        self.traces = 0
        self._before: tuple[Any, Any] | None = None
        self._gradients = nn.value_and_grad(model, self._loss)
        rest = [optimizer.state, mx.random.state]
        self._changing = [model.shadow.state, *rest]
        self.is_compiled = can_be_compiled(model)
        compiled: Callable[..., Any] = (
            partial(
                mx.compile,
                inputs=[model.state, objective.weights, *rest],
                outputs=self._changing,
            )
            if self.is_compiled
            else lambda function: function
        )
        self._one_batch = compiled(self._sum_and_update)
        self._first_batch = compiled(self._sum)
        self._next_batch = compiled(self._add)
        self._update_after = compiled(self._update)

    def start(
        self, step: int, batches: Sequence[Supervised], tokens: int, said: Sequence[float]
    ) -> mx.array:
        """Begin optimizer step ``step`` and return at once; :meth:`finish` waits for it.

        Args:
            step: From 1; dropout depends on it and on nothing before it.
            batches: The window to accumulate over.
            tokens: Supervised tokens of the window, over all processes.
            said: This process's stop request (0 or 1), and its number of input tokens as they
                count.
        """
        if self.team.size > 1:
            self._before = _held(self.model.trainable_parameters()), _held(self.optimizer.state)
        mx.random.seed(seed_of(self.seed, step, self.team.rows[0]))
        divisor, told = mx.array(float(tokens)), mx.array(list(said), mx.float32)
        if len(batches) == 1:
            result = self._one_batch(batches[0].arrays(), divisor, told)
        else:
            sums = self._first_batch(batches[0].arrays())
            for batch in batches[1:]:
                uninterrupted(partial(mx.async_eval, sums))
                sums = self._next_batch(sums, batch.arrays())
            result = self._update_after(sums, divisor, told)
        uninterrupted(partial(mx.async_eval, result, self._changing))
        return result

    def finish(self, result: mx.array) -> StepResult:
        """Wait for a step and read its numbers."""
        numbers: Any = uninterrupted(result.tolist)
        value, *losses, norm, finite, stops, tokens = numbers
        self._before = None
        by_name = named(self.objective, losses)
        return StepResult(value, by_name, norm, bool(finite), int(stops), int(tokens))

    def go_back(self) -> None:
        """Undo a step on several processes that :meth:`finish` did not come to the end of.

        A process that went away leaves weights that can never be computed; those from before are
        held until then (a process that trains alone holds nothing).
        """
        if self._before is not None:
            weights, moments = self._before
            self.model.update(weights)
            _refill(self.optimizer.state, moments, lambda new, old: old)
            self._before = None

    def _loss(self, arrays: tuple[mx.array, ...]) -> tuple[mx.array, mx.array]:
        return measure(self.objective, self.model, arrays, differentiable=True)

    def _sum(self, arrays: tuple[mx.array, ...]) -> Sums:
        self.traces += 1
        with recurrences.with_gradients(self.kernels):
            (_, losses), gradients = self._gradients(arrays)
        return gradients, losses

    def _add(self, sums: Sums, arrays: tuple[mx.array, ...]) -> Sums:
        total: Sums = tree_map(mx.add, sums, self._sum(arrays))
        return total

    def _sum_and_update(
        self, arrays: tuple[mx.array, ...], divisor: mx.array, told: mx.array
    ) -> mx.array:
        return self._update(self._sum(arrays), divisor, told)

    def _update(self, sums: Sums, divisor: mx.array, told: mx.array) -> mx.array:
        gradients, losses = sums
        if (world := self.team.size) > 1:
            group = self.team.group
            losses = self.team.total(losses)
            told = mx.distributed.all_sum(told, group=group)
            gradients = nn.average_gradients(self.team.counting(gradients), group)
            divisor = divisor / world
        gradients = tree_map(lambda g: g / divisor, scales.out_of(self.units, gradients))
        gradients, norm = optim.clip_grad_norm(gradients, self.clip)
        finite = mx.isfinite(norm) & mx.isfinite(losses[0])
        self._apply(gradients, finite)
        return mx.concatenate([losses, mx.stack([norm, finite.astype(mx.float32)]), told])

    def _apply(self, gradients: Any, finite: mx.array) -> None:
        """Update model and optimizer, or leave both exactly as they are when not ``finite``."""
        weights = self.model.trainable_parameters()
        moments = _held(self.optimizer.state)
        numbers = scales.into(self.units, weights)
        updated = self.optimizer.apply_gradients(gradients, numbers)
        updated = scales.out_of(self.units, updated)
        self.model.update(tree_map(partial(mx.where, finite), updated, weights))
        _refill(self.optimizer.state, moments, partial(mx.where, finite))


def _refill(state: Any, old: Any, choose: Callable[[mx.array, mx.array], mx.array]) -> None:
    """In place (compiled functions hold on to the containers): ``choose(new, old)`` everywhere."""
    for key, value in old.items() if isinstance(old, dict) else enumerate(old):
        if isinstance(value, mx.array):
            state[key] = choose(state[key], value)
        else:
            _refill(state[key], value, choose)


def _held(tree: Any) -> Any:
    """The same arrays in containers of their own."""
    return tree_map(lambda array: array, tree)


def seed_of(*what: int) -> int:
    """64 random bits of what they are to depend on; a resumed run needs no saved generator."""
    return int(np.random.SeedSequence(what).generate_state(1, np.uint64)[0])
