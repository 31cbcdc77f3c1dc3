"""What the shadow learns from a teacher: divergences of its next-token distribution from another.

Method: Hinton, Vinyals and Dean 2015 (arXiv 1503.02531) for the forward divergence and the
temperature; reverse divergence as in MiniLLM (Gu et al. 2023, arXiv 2306.08543).

p teacher · q student (the shadow) · τ temperature · n positions scored at once · V vocabulary ·
K tokens that a record keeps of a distribution
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx
from jaxtyping import Float, Float32, Int32

from shadow_mlx.backbones.shared_rows import Starts
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.losses import (
    Criterion,
    Head,
    Rows,
    Supervised,
    cross_entropy,
    gather,
)

DISTILLATION = "distill_loss"
DRAFT = "draft_loss"
AUX_WEIGHT, DISTILL_WEIGHT, DRAFT_WEIGHT = "aux_weight", "distill_weight", "draft_weight"

_LEAST_TAIL = 1e-9
"""Mass of all other tokens that is reckoned with at least: of none there is no logarithm."""


class Distance(ABC):
    """How far the student's distributions are from a teacher's, of each position.

    Attributes:
        temperature: τ, by which both logits are divided before.
    """

    temperature: float

    def between(
        self, teacher: Float[mx.array, "rows wide"], student: Float[mx.array, "rows vocabulary"]
    ) -> Float32[mx.array, " rows"]:
        """Of logits over one vocabulary; what one of them pads it with is left out."""
        tokens = min(teacher.shape[-1], student.shape[-1])
        p = _log_probabilities(teacher[:, :tokens], self.temperature)
        q = _log_probabilities(student[:, :tokens], self.temperature)
        return self._of(mx.stop_gradient(p), q)

    def of_recorded(
        self,
        tokens: Int32[mx.array, "rows kept"],
        p: Float[mx.array, "rows kept"],
        student: Float[mx.array, "rows vocabulary"],
    ) -> Float32[mx.array, " rows"]:
        """Of the teacher's K likeliest tokens and their log-probabilities at temperature τ.

        All other tokens count as one more, with the mass that is left. This is at most the
        distance over the whole vocabulary (data-processing inequality).
        """
        q = mx.take_along_axis(_log_probabilities(student, self.temperature), tokens, axis=-1)
        return self._of(mx.stop_gradient(_with_tail(p.astype(mx.float32))), _with_tail(q))

    @abstractmethod
    def _of(
        self, p: Float32[mx.array, "rows outcomes"], q: Float32[mx.array, "rows outcomes"]
    ) -> Float32[mx.array, " rows"]:
        """Of log-probabilities; the teacher's, ``p``, have no gradient."""


@dataclass(frozen=True)
class Divergence(Distance):
    """How far the student's distributions are from a teacher's, in nats for each position.

    ``τ² · ((1 − ρ) · KL(p ‖ q) + ρ · KL(q ‖ p))`` with ``p`` and ``q`` of logits divided by τ.

    Attributes:
        temperature: τ.
        reverse: ρ, the share of the reverse divergence: with 0 the student covers all that the
            teacher may say, with 1 it keeps to what the teacher is likely to say.
    """

    temperature: float = 1.0
    reverse: float = 0.0

    def _of(
        self, p: Float32[mx.array, "rows outcomes"], q: Float32[mx.array, "rows outcomes"]
    ) -> Float32[mx.array, " rows"]:
        found = mx.zeros(p.shape[:-1])
        if self.reverse < 1:
            found = found + (1 - self.reverse) * (mx.exp(p) * (p - q)).sum(-1)
        if self.reverse > 0:
            found = found + self.reverse * (mx.exp(q) * (q - p)).sum(-1)
        return self.temperature**2 * found


class Teacher(Protocol):
    """Where the distributions that the shadow learns come from. No gradient goes there."""

    def rows(self, model: AttachedModel, batch: Supervised) -> Rows:
        """What it says of the batch's supervised positions: arrays ``[N, …]``."""
        ...

    def apart(
        self,
        distances: Sequence[Distance],
        student: Float[mx.array, "rows vocabulary"],
        *rows: mx.array,
    ) -> list[mx.array]:
        """How far the student's logits are from what some of those rows say, by each measure."""
        ...


@dataclass(frozen=True)
class Distillation:
    """A teacher, and how the distance from it is measured.

    Attributes:
        teacher: Whoever it is.
        divergence: The measure.
    """

    teacher: Teacher
    divergence: Divergence


@dataclass(frozen=True)
class HeadTeacher:
    """A teacher that is a model: its hidden states are kept, and its head makes logits of few.

    Attributes:
        states: Of the model that is trained, token ids ``[B, T]``, numbers of blocks, and the
            starts of examples that share rows: the last hidden state ``[B, T, D]``, then the states
            behind those blocks.
        head: ``[n, D]`` to logits ``[n, V]``.
        width: D.
        blocks: How many it has.
        shown: Those whose states are a target, too.
    """

    states: Callable[[AttachedModel, mx.array, Sequence[int], Starts | None], tuple[mx.array, ...]]
    head: Head
    width: int
    blocks: int
    shown: tuple[int, ...] = ()

    @property
    def vocabulary(self) -> int:
        """V."""
        return int(self.head(mx.zeros((1, self.width))).shape[-1])  # never evaluated

    def rows(self, model: AttachedModel, batch: Supervised) -> Rows:
        """Its last hidden states, then those behind the blocks that are ``shown``, ``[N, D]``."""
        found = self.states(model, batch.inputs, self.shown, batch.starts)
        return tuple(mx.stop_gradient(gather(state, batch.positions)) for state in found)

    def apart(
        self,
        distances: Sequence[Distance],
        student: Float[mx.array, "rows vocabulary"],
        *rows: mx.array,
    ) -> list[mx.array]:
        """See :class:`Teacher`."""
        logits = self.head(rows[0])
        return [one.between(logits, student) for one in distances]


def shadow_criterion(
    weights: Mapping[str, mx.array],
    distillation: Distillation | None,
    model: AttachedModel,
    batch: Supervised,
    rejection: Distance | None = None,
    told: Collection[str] = (),
) -> tuple[Criterion, Rows]:
    """λ · cross entropy + δ · divergence + ω · rejection, and the rows that it takes.

    Args:
        weights: λ, δ and ω, by :data:`AUX_WEIGHT`, :data:`DISTILL_WEIGHT`, :data:`DRAFT_WEIGHT`.
        distillation: What the shadow learns from; ``None`` for the targets alone.
        model: What is trained.
        batch: What is scored.
        rejection: How much of what the shadow drafts the teacher would refuse, if that counts.
        told: Weights that are 0 all along: their measures have no gradient.
    """
    aux_weight = weights[AUX_WEIGHT]
    if distillation is None:

        def alone(
            logits: mx.array, targets: mx.array, labels: mx.array, _: mx.array
        ) -> tuple[mx.array, mx.array]:
            loss = cross_entropy(logits, targets, labels)
            return aux_weight * loss, loss[None]

        return alone, ()

    teacher = distillation.teacher
    measures: dict[str, Distance] = {DISTILL_WEIGHT: distillation.divergence}
    if rejection is not None:
        measures[DRAFT_WEIGHT] = rejection

    def taught(
        logits: mx.array, targets: mx.array, labels: mx.array, weight: mx.array, *rows: mx.array
    ) -> tuple[mx.array, mx.array]:
        losses = [cross_entropy(logits, targets, labels)]
        value = aux_weight * losses[0]
        found = teacher.apart([*measures.values()], logits, *rows)
        for name, apart in zip(measures, found, strict=True):
            losses.append((apart * weight).sum())
            if name not in told:
                value = value + weights[name] * losses[-1]
        return value, mx.stack(losses)

    return taught, teacher.rows(model, batch)


def _log_probabilities(
    logits: Float[mx.array, "rows vocabulary"], temperature: float
) -> Float32[mx.array, "rows vocabulary"]:
    wide = logits.astype(mx.float32) / temperature
    return wide - mx.logsumexp(wide, axis=-1, keepdims=True)


def _with_tail(kept: Float32[mx.array, "rows kept"]) -> Float32[mx.array, "rows outcomes"]:
    """Log-probabilities of the K tokens, and of all others together."""
    rest = mx.maximum(1 - mx.exp(kept).sum(-1, keepdims=True), _LEAST_TAIL)
    return mx.concatenate([kept, mx.log(rest)], axis=-1)
