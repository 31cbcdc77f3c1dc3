"""What a run trains for: the one thing that fine-tuning, pretraining and distillation differ in.

Step, validator, loop, checkpoints and events know an objective by this protocol alone. It sees the
whole attached model, so that one function has all that a loss may be made of:

- fine-tuning (:mod:`.objectives.fine_tuning`): ``model.hidden`` gives ``h`` and ``s⁰``, and the
  head scores both;
- language modelling of the shadow alone: ``model.shadow.backbone(batch.inputs)`` gives ``s⁰``, and
  the backbone's blocks do not run at all;
- distillation: the teacher's logits are ``model.head`` of ``h`` from the same forward pass, or
  those of ``model.backbone``, which called by itself is the base model; no gradient goes there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import mlx.core as mx

from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.losses import Supervised


class Objective(Protocol):
    """A value to minimise, and the losses that a person follows.

    All of them are *sums* over supervised positions: they are added up over the batches of a window
    and over processes, and divided by the number of tokens once, at the end.
    """

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


def measure(
    objective: Objective,
    model: AttachedModel,
    arrays: Sequence[mx.array],
    *,
    differentiable: bool,
) -> tuple[mx.array, mx.array]:
    """The value of a batch's arrays, and float32[1 + L]: the value again, then the L losses."""
    value, losses = objective(model, Supervised(*arrays), differentiable=differentiable)
    return value, mx.stack([value, *(losses[name] for name in objective.names)])


def named(objective: Objective, losses: Sequence[float]) -> dict[str, float]:
    """Losses by their names, of numbers in the order of :func:`measure`."""
    return dict(zip(objective.names, losses, strict=True))
