"""Records what one optimizer step computes, as the training step itself computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models.switch_layers import SwitchLinear

from shadow_mlx.data.batches import OWN_ROWS
from shadow_mlx.errors import ModelError
from shadow_mlx.memory.graph import Graph, Name, record
from shadow_mlx.memory.recomputation import Segments, recompute
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.network import seeded
from shadow_mlx.training.losses import Supervised, bucket_size
from shadow_mlx.training.objective import Objective
from shadow_mlx.training.step import TrainingStep

MOST_TOKENS = 2**18
"""Tokens of a batch that are recorded as they are; larger ones are reckoned from such a batch."""


@dataclass(frozen=True)
class BatchShape:
    """One batch: ``rows`` of ``width`` input tokens, of which ``trained`` are trained.

    A row is one example, or with ``shared_rows`` it may hold several.
    """

    rows: int
    width: int
    trained: int
    shared_rows: bool = False

    def reduced(self) -> tuple[BatchShape, float]:
        """A batch that MLX can describe, and how many times larger this one is.

        MLX counts along an axis in 32 bits, and a batch's tokens lie along one. Rows are taken away
        first: memory grows with them exactly in proportion, and with the width at least so.
        """
        rows, width = self.rows, self.width
        rows = max(1, min(rows, MOST_TOKENS // width))
        width = max(1, min(width, MOST_TOKENS // rows))
        share = (rows * width) / (self.rows * self.width)
        if share == 1.0:
            return self, 1.0
        trained = max(1, int(self.trained * share))
        return replace(self, rows=rows, width=width, trained=trained), 1 / share

    def zeros(self) -> Supervised:
        """A batch of this shape, never evaluated."""
        n = bucket_size(self.trained)
        return Supervised(
            mx.zeros((self.rows, self.width), mx.int32),
            mx.zeros((n,), mx.int32),
            mx.zeros((n,), mx.int32),
            mx.zeros((n,), mx.float32),
            mx.zeros((n,), mx.float32),
            mx.zeros((self.rows, self.width) if self.shared_rows else OWN_ROWS.shape, mx.int32),
        )


@dataclass(frozen=True)
class Program:
    """One of the compiled functions of a step, ready to be played.

    Attributes:
        graph: Its inputs are the state, then the sums if it takes them, then the batch.
        gradients: Names of the gradients.
    """

    graph: Graph
    gradients: frozenset[Name]


@dataclass(frozen=True)
class State:
    """What exists between two steps: arrays that are never evaluated."""

    frozen: list[tuple[str, mx.array]]
    adapter: list[tuple[str, mx.array]]
    optimizer: list[tuple[str, mx.array]]

    def arrays(self) -> list[mx.array]:
        """All of them, in this order."""
        return [array for _, array in (*self.frozen, *self.adapter, *self.optimizer)]


class RecordedStep(TrainingStep):
    """A training step whose functions are recorded instead of run."""

    kernels = False

    def __init__(
        self, model: AttachedModel, optimizer: optim.MultiOptimizer, objective: Objective
    ) -> None:
        super().__init__(model, optimizer, objective, clip=1.0)
        adapter = tree_flatten(model.shadow.parameters())
        frozen = tree_flatten(model.backbone.parameters())
        self.state = State(frozen, adapter, tree_flatten(optimizer.state))
        self.segments = Segments()
        self._gradient_arrays: list[mx.array] = []
        self._losses: list[mx.array] = []
        make_recordable(model.shadow)
        for block in model.decoder.blocks:
            block.checkpoint = lambda function: self.segments(function)

    def whole(self, shape: BatchShape) -> Program:
        """One batch, and the update."""
        batch = shape.zeros().arrays()
        rest = [*batch, mx.zeros(()), mx.zeros((2,))]

        def run(given: Sequence[mx.array]) -> list[mx.array]:
            *arrays, divisor, told = given
            result = self._sum_and_update(tuple(arrays), divisor, told)
            return [result, *self._changed()]

        return self._record(run, rest)

    def following(self, shape: BatchShape) -> Program:
        """A batch of a window, added to the sums of those before it."""

        batch = shape.zeros().arrays()

        def run(given: Sequence[mx.array]) -> list[mx.array]:
            sums, arrays = given[: -len(batch)], given[-len(batch) :]
            return self._flat(self._add(self._sums(sums), tuple(arrays)))

        return self._record(run, [*self.sums(), *batch])

    def update(self) -> Program:
        """The update after a window."""

        def run(given: Sequence[mx.array]) -> list[mx.array]:
            result = self._update(self._sums(given[:-2]), given[-2], given[-1])
            return [result, *self._changed()]

        return self._record(run, [*self.sums(), mx.zeros(()), mx.zeros((2,))])

    def sums(self) -> list[mx.array]:
        """Arrays like the gradients, and the losses."""
        weights = self._flat(self.model.trainable_parameters())
        return [*map(mx.zeros_like, weights), mx.zeros((1 + len(self.objective.names),))]

    def _sum(self, arrays: tuple[mx.array, ...]) -> Any:
        gradients, losses = super()._sum(arrays)
        self._gradient_arrays = [array for _, array in tree_flatten(gradients)]
        self._losses = [losses]
        return gradients, losses

    def _record(
        self,
        run: Callable[[Sequence[mx.array]], list[mx.array]],
        rest: list[mx.array],
    ) -> Program:
        state = self.state.arrays()
        self._gradient_arrays, self._losses = [], []
        counts: list[int] = []

        def function(*given: mx.array) -> list[mx.array]:
            self._set_state(given[: len(state)])
            self.segments = Segments()
            results = run(given[len(state) :])
            counts[:] = [len(results), len(self._gradient_arrays), len(self._losses)]
            noted = (*self._gradient_arrays, *self._losses, *self.segments.arrays())
            return [*results, *noted]

        try:
            with seeded(self.seed):
                graph = record(function, [*state, *rest])
        except ValueError as error:
            raise ModelError(
                f"{self.model.model_type}: its memory cannot be estimated: {error}"
            ) from error
        finally:
            self._set_state(state)
        names: Iterator[Name] = iter(graph.outputs)
        results, gradients, losses = (tuple(islice(names, count)) for count in counts)
        segments = self.segments.named(names)
        wanted = replace(graph, outputs=results)
        return Program(recompute(wanted, segments, losses), frozenset(gradients))

    def _set_state(self, arrays: Sequence[mx.array]) -> None:
        given = iter(arrays)

        def named(like: list[tuple[str, mx.array]]) -> Any:
            return tree_unflatten([(name, next(given)) for name, _ in like])

        self.model.backbone.update(named(self.state.frozen))
        self.model.shadow.update(named(self.state.adapter))
        self.optimizer.state = named(self.state.optimizer)

    def _changed(self) -> list[mx.array]:
        return self._flat((self.model.shadow.parameters(), self.optimizer.state))

    def _flat(self, tree: Any) -> list[mx.array]:
        return [array for _, array in tree_flatten(tree)]

    def _sums(self, arrays: Sequence[mx.array]) -> Any:
        names = [name for name, _ in tree_flatten(self.model.trainable_parameters())]
        gradients = tree_unflatten(list(zip(names, arrays[:-1], strict=True)))
        return gradients, arrays[-1]


class RecordableExperts(SwitchLinear):
    """Trained experts that give other numbers of the same shapes.

    The gradient of sorted experts is a primitive that MLX cannot export (``SegmentedMM``). What
    stands in for it takes the same memory: the first expert's product with every row.
    """

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> Any:
        """``[…, rows, in]`` to ``[…, rows, out]``."""
        frozen = mx.stop_gradient(self["weight"])
        y = mx.gather_mm(
            x, frozen.swapaxes(-1, -2), rhs_indices=indices, sorted_indices=sorted_indices
        )
        y = y + x @ self["weight"][0].swapaxes(-1, -2)
        return y + mx.expand_dims(self["bias"][indices], -2) if "bias" in self else y


def make_recordable(trained: nn.Module) -> None:
    """Exchange the experts inside a trained module, in place."""
    for _, module in trained.named_modules():
        if type(module) is SwitchLinear:
            module.__class__ = RecordableExperts
