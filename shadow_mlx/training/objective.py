"""What a run trains for: the one thing that fine-tuning, pretraining and distillation differ in.

Step, validator, loop, checkpoints and events know an objective by this protocol alone. It sees the
whole attached model, so that one function has all that a loss may be made of:

- fine-tuning (:mod:`.objectives.fine_tuning`): ``model.hidden`` gives ``h`` and ``s⁰``, and the
  head scores both;
- pretraining (:mod:`.objectives.pretraining`): ``model.shadow.backbone(batch.inputs)`` gives
  ``s⁰``, and the backbone's blocks do not run at all, unless a teacher needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx

from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.losses import Supervised


class Objective(Protocol):
    """A value to minimise, and the losses that a person follows.

    All of them are *sums* over supervised positions: they are added up over the batches of a window
    and over processes, and divided by the number of tokens once, at the end.

    Attributes:
        weights: Arrays that change over the run and that the compiled step takes anew at each call.
    """

    weights: dict[str, mx.array]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the losses, ``loss`` first and others that end with ``_loss``.

        Events, checkpoints and ``--json`` have them as keys: ``shadow_loss``, ``best_shadow_loss``.
        """
        ...

    def __call__(
        self, model: AttachedModel, batch: Supervised, *, differentiable: bool
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """The value and the losses of one batch, float32 scalars; recorded by MLX's compiler.

        Args:
            model: What is trained: its trainable parameters get the value's gradients.
            batch: What to score.
            differentiable: Whether gradients will be asked for. Then a loss that the value does not
                need may be left uncomputed, as nan; otherwise (validation) there are all of them.
        """
        ...

    def at(self, share: float) -> None:
        """Set ``weights`` to what they are when ``share`` of the run is done, from 0 to 1."""
        ...


@dataclass(frozen=True)
class Ramp:
    """A weight that goes in equal steps from one value to another."""

    start: float
    end: float

    def at(self, share: float) -> float:
        """Its value when ``share`` of the run is done."""
        return self.start + share * (self.end - self.start)


class Weighted:
    """The part of an objective that its weights are, by the names of their options.

    Attributes:
        weights: What they are now.
        ever: Whether one is more than 0 at some time of the run.
    """

    def __init__(self, weights: Mapping[str, Ramp | float]) -> None:
        self._ramps = {
            name: one if isinstance(one, Ramp) else Ramp(one, one) for name, one in weights.items()
        }
        self.ever = {name: max(ramp.start, ramp.end) > 0 for name, ramp in self._ramps.items()}
        self.weights: dict[str, mx.array] = {}
        self.at(0.0)

    def at(self, share: float) -> None:
        """See :class:`Objective`."""
        for name, ramp in self._ramps.items():
            self.weights[name] = mx.array(ramp.at(share))


def measure(
    objective: Objective,
    model: AttachedModel,
    arrays: Sequence[mx.array],
    *,
    differentiable: bool,
) -> tuple[mx.array, mx.array]:
    """The value of a batch's arrays, and float32[1 + L]: the value again, then the L losses."""
    value, losses = objective(model, Supervised.of(arrays), differentiable=differentiable)
    return value, mx.stack([value, *(losses[name] for name in objective.names)])


def named(objective: Objective, losses: Sequence[float]) -> dict[str, float]:
    """Losses by their names, of numbers in the order of :func:`measure`."""
    return dict(zip(objective.names, losses, strict=True))
