"""Fine-tuning: the attached model learns the data, and the detached one beside it."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx

from shadow_mlx.runs.losses import SHADOW, WATCHED
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import Distillation, Divergence
from shadow_mlx.training.hidden_states import NO_TARGETS, HiddenTargets
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
        hidden: HiddenTargets = NO_TARGETS,
        draft_weight: float = 0.0,
    ) -> None:
        super().__init__(SHADOW, aux_weight, distillation, distill_weight, hidden, draft_weight)
        self.names = (WATCHED, *self.shadow_names)

    def __call__(
        self, model: AttachedModel, batch: Supervised, *, differentiable: bool
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """See :class:`Objective`."""
        states = model.shadow.backbone.states(batch.inputs, self.hidden.layers, batch.starts)
        shown = self.hidden.blocks if isinstance(self.distillation, Divergence) else ()
        attached = model.states(batch.inputs, shown, states[0], batch.starts)
        h = attached[0]
        loss = head_loss(model.head, gather(h, batch.positions), batch, differentiable)
        if differentiable and not (any(self.ever.values()) or self.hidden):
            return loss, dict.fromkeys(self.names, mx.array(mx.nan)) | {WATCHED: loss}
        value, losses = self.of_shadow(
            model, batch, states, attached, differentiable=differentiable
        )
        return loss + value, {WATCHED: loss, **losses}  # (8) + λ (9)
