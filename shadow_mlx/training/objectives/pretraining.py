"""Pretraining: the shadow learns to write by itself, before any task; nothing is injected yet."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx

from shadow_mlx.runs.losses import WATCHED
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import Distillation
from shadow_mlx.training.hidden_states import NO_TARGETS, HiddenTargets
from shadow_mlx.training.losses import Supervised
from shadow_mlx.training.objective import Ramp
from shadow_mlx.training.objectives.shadow_loss import ShadowLoss


class Pretraining(ShadowLoss):
    """What the shadow by itself is trained for, alone.

    Without a teacher the backbone's blocks do not run at all.
    """

    def __init__(
        self,
        aux_weight: Ramp | float,
        distillation: Distillation | None = None,
        distill_weight: Ramp | float = 0.0,
        hidden: HiddenTargets = NO_TARGETS,
        draft_weight: float = 0.0,
    ) -> None:
        super().__init__(WATCHED, aux_weight, distillation, distill_weight, hidden, draft_weight)
        self.names = self.shadow_names

    def __call__(
        self, model: AttachedModel, batch: Supervised, *, differentiable: bool
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """See :class:`Objective`."""
        states = model.shadow.backbone.states(batch.inputs, self.hidden.layers, batch.starts)
        return self.of_shadow(model, batch, states, differentiable=differentiable)
