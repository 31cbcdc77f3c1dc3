"""What the shadow by itself is trained for: the part that all objectives have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import mlx.core as mx
from jaxtyping import Float

from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import (
    AUX_WEIGHT,
    DISTILL_WEIGHT,
    DISTILLATION,
    DRAFT,
    DRAFT_WEIGHT,
    Distillation,
    Divergence,
    HeadTeacher,
    shadow_criterion,
)
from shadow_mlx.training.hidden_states import HIDDEN, NO_TARGETS, HiddenTargets
from shadow_mlx.training.losses import Supervised, gather, head_losses
from shadow_mlx.training.objective import Ramp, Weighted
from shadow_mlx.training.rejection import Rejection


class ShadowLoss(Weighted):
    """λ · cross entropy of the detached model (equation 9) + δ · its divergence from a teacher.

    With a weight ω for drafts, the share of them that the teacher would refuse is added.

    Args:
        name: What its cross entropy is called.
        aux_weight: λ over the run.
        distillation: The shadow's teacher; a divergence alone has the attached model teach it.
        distill_weight: δ over the run.
        hidden: The states that are pulled to the teacher's. A teacher that is none of the trained
            model shows those of its blocks.
        draft_weight: ω.
    """

    def __init__(
        self,
        name: str,
        aux_weight: Ramp | float,
        distillation: Distillation | Divergence | None,
        distill_weight: Ramp | float,
        hidden: HiddenTargets,
        draft_weight: float = 0.0,
    ) -> None:
        super().__init__(
            {AUX_WEIGHT: aux_weight, DISTILL_WEIGHT: distill_weight, DRAFT_WEIGHT: draft_weight}
        )
        self.distillation = distillation
        self.hidden = hidden if distillation else NO_TARGETS
        if isinstance(distillation, Distillation) and self.hidden:
            assert isinstance(distillation.teacher, HeadTeacher)  # records keep no hidden states
            teacher = replace(distillation.teacher, shown=self.hidden.blocks)
            self.distillation = replace(distillation, teacher=teacher)
        self.rejection = self._rejection(draft_weight)
        parts = {DISTILLATION: distillation, DRAFT: self.rejection, HIDDEN: self.hidden}
        self.shadow_names = (name, *(part for part, there in parts.items() if there))

    def _rejection(self, draft_weight: float) -> Rejection | None:
        if not draft_weight or self.distillation is None:
            return None
        taught = self.distillation
        divergence = taught if isinstance(taught, Divergence) else taught.divergence
        return Rejection(divergence.temperature)  # records are of one temperature

    def of_shadow(
        self,
        model: AttachedModel,
        batch: Supervised,
        states: Sequence[Float[mx.array, "batch length hidden"]],
        attached: Sequence[Float[mx.array, "batch length hidden"]] = (),
        *,
        differentiable: bool,
    ) -> tuple[mx.array, Mapping[str, mx.array]]:
        """The value and the losses of the shadow's states, summed over supervised positions.

        Args:
            model: What is trained.
            batch: What is scored.
            states: ``s⁰``, then the states behind the layers that are pulled.
            attached: The attached model's last hidden state, then those behind the blocks that they
                are pulled to, where it is what teaches.
            differentiable: See :class:`Objective`.
        """
        taught = self.distillation
        if isinstance(taught, Divergence):
            found, width, count = tuple(attached), attached[0].shape[-1], len(model.layers)
            taught = Distillation(HeadTeacher(lambda *_: found, model.head, width, count), taught)
        told = [name for name, ever in self.ever.items() if not ever]
        criterion, rows = shadow_criterion(self.weights, taught, model, batch, self.rejection, told)
        s0, *pulled = (gather(state, batch.positions) for state in states)
        value, losses = head_losses(
            model.head, s0, batch, criterion, rows, differentiable=differentiable
        )
        named = list(losses)
        if self.hidden:
            distance = self.hidden.distance(pulled, rows[1:], batch.weights)
            value, named = value + self.hidden.weight * distance, [*named, distance]
        return value, dict(zip(self.shadow_names, named, strict=True))
