"""Fine-tuning: the attached model learns the data, and the detached one beside it."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx

from shadow_mlx.runs.losses import SHADOW, WATCHED
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import Distillation, Divergence
from shadow_mlx.training.losses import Supervised, gather, head_loss
from shadow_mlx.training.objective import Ramp
from shadow_mlx.training.objectives.shadow_loss import ShadowLoss


class FineTuning(ShadowLoss):
    """Cross entropy of the attached model (equation 8) + what the shadow by itself is trained for.

    While nothing of the latter has a weight, the head does not run on the shadow.
    """

    def __init__(
        self,
        aux_weight: Ramp | float,
        distillation: Distillation | Divergence | None = None,
        distill_weight: Ramp | float = 0.0,
        hidden_weight: float = 0.0,
    ) -> None:
        super().__init__(SHADOW, aux_weight, distillation, distill_weight, hidden_weight)
        self.names = (WATCHED, *self.shadow_names)

    def __call__(
        self, model: AttachedModel, batch: Supervised, *, differentiable: bool
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """See :class:`Objective`."""
        h, s0 = model.hidden(batch.inputs)
        loss = head_loss(model.head, gather(h, batch.positions), batch, differentiable)
        if differentiable and not (any(self.ever.values()) or self.hidden_weight):
            return loss, dict.fromkeys(self.names, mx.array(mx.nan)) | {WATCHED: loss}
        value, losses = self.of_shadow(model, batch, s0, h, differentiable=differentiable)
        return loss + value, {WATCHED: loss, **losses}  # (8) + λ (9)
