"""Fine-tuning: the attached model learns the data, and the detached one beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import mlx.core as mx

from shadow_mlx.runs.losses import SHADOW, WATCHED
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.losses import Supervised, gather, head_loss


@dataclass(frozen=True)
class FineTuning:
    """Cross entropy of the attached model (equation 8) + λ · that of the detached one (9).

    Attributes:
        aux_weight: λ. With 0 the head does not run on the shadow while training.
    """

    names: ClassVar[tuple[str, ...]] = (WATCHED, SHADOW)

    aux_weight: float

    def __call__(
        self, model: AttachedModel, batch: Supervised, *, differentiable: bool
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """See :class:`Objective`."""
        h, s0 = model.hidden(batch.inputs)
        loss = head_loss(model.head, gather(h, batch.positions), batch, differentiable)
        if differentiable and not self.aux_weight:
            return loss, {WATCHED: loss, SHADOW: mx.array(mx.nan)}
        shadow_loss = head_loss(model.head, gather(s0, batch.positions), batch, differentiable)
        value = loss + self.aux_weight * shadow_loss  # (8) + λ (9)
        return value, {WATCHED: loss, SHADOW: shadow_loss}
