"""What the shadow by itself is trained for: the part that all objectives have."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
from jaxtyping import Float

from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import (
    AUX_WEIGHT,
    DISTILL_WEIGHT,
    DISTILLATION,
    HIDDEN,
    Distillation,
    Divergence,
    HeadTeacher,
    hidden_distance,
    shadow_criterion,
)
from shadow_mlx.training.losses import Supervised, gather, head_losses
from shadow_mlx.training.objective import Ramp, Weighted


class ShadowLoss(Weighted):
    """λ · cross entropy of the detached model (equation 9) + δ · its divergence from a teacher.

    Args:
        name: What its cross entropy is called.
        aux_weight: λ over the run.
        distillation: The shadow's teacher; a divergence alone has the attached model teach it.
        distill_weight: δ over the run.
        hidden_weight: Weight of the distance between ``s⁰`` and the teacher's last hidden state.
    """

    def __init__(
        self,
        name: str,
        aux_weight: Ramp | float,
        distillation: Distillation | Divergence | None,
        distill_weight: Ramp | float,
        hidden_weight: float,
    ) -> None:
        super().__init__({AUX_WEIGHT: aux_weight, DISTILL_WEIGHT: distill_weight})
        self.distillation = distillation
        self.hidden_weight = hidden_weight if distillation else 0.0
        distilled = (DISTILLATION,) if distillation else ()
        self.shadow_names = (name, *distilled, *((HIDDEN,) if self.hidden_weight else ()))

    def of_shadow(
        self,
        model: AttachedModel,
        batch: Supervised,
        s0: Float[mx.array, "batch length hidden"],
        h: Float[mx.array, "batch length hidden"] | None,
        *,
        differentiable: bool,
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """The value and the losses of ``s⁰``, summed over supervised positions.

        Args:
            model: What is trained.
            batch: What is scored.
            s0: The shadow's states.
            h: Those of the attached model, where they were computed.
            differentiable: See :class:`Objective`.
        """
        taught = self.distillation
        if isinstance(taught, Divergence):
            assert h is not None
            taught = Distillation(HeadTeacher(lambda *_: h, model.head, h.shape[-1]), taught)
        criterion, rows = shadow_criterion(self.weights, taught, model, batch)
        states = gather(s0, batch.positions)
        value, losses = head_losses(
            model.head, states, batch, criterion, rows, differentiable=differentiable
        )
        found = list(losses)
        if self.hidden_weight:
            distance = hidden_distance(states, rows[0], batch.weights)
            value, found = value + self.hidden_weight * distance, [*found, distance]
        return value, dict(zip(self.shadow_names, found, strict=True))
