"""Where a run stands: the one mutable record of the loop, saved with every checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.training.evaluate import Scores
from shadow_mlx.training.step import StepResult


@dataclass
class Tally:
    """Sums since the last report. Saved too, so that a resumed run reports the same averages."""

    steps: int = 0
    tokens: int = 0
    loss: float = 0.0
    shadow_loss: float = 0.0
    gradient_norm: float = 0.0

    def add(self, result: StepResult, tokens: int) -> None:
        """Count one step over ``tokens`` supervised tokens."""
        self.steps += 1
        self.tokens += tokens
        self.loss += result.loss_sum
        self.shadow_loss += result.shadow_loss_sum
        self.gradient_norm += result.gradient_norm


@dataclass
class Clock:
    """Time and input tokens of this process's steps since the last report.

    Validation and saving are left out.
    """

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, tokens: int) -> None:
        """Count one step."""
        self.steps += 1
        self.tokens += tokens
        self.seconds += seconds


@dataclass
class Best:
    """The validation that was best so far."""

    step: int
    objective: float
    loss: float
    shadow_loss: float


@dataclass
class Progress:
    """State of the loop between two steps.

    Attributes:
        step: Optimizer steps done.
        cursor: Where the next batch begins; ``None`` is the beginning.
        supervised_tokens: Tokens trained so far, over all processes.
        seconds: Time in steps and validations so far, over all resumptions.
        check_seconds: Time of the last validation with its samples; the next ones take as long.
        validated_step: The step of the last complete validation, -1 before the first.
        stale_validations: Validations since the best one.
    """

    step: int = 0
    cursor: dict[str, int] | None = None
    supervised_tokens: int = 0
    seconds: float = 0.0
    check_seconds: float = 0.0
    validated_step: int = -1
    stale_validations: int = 0
    best: Best | None = None
    tally: Tally = field(default_factory=Tally)

    @property
    def is_best(self) -> bool:
        """Whether the model as it is now is the best validated one."""
        return self.best is not None and self.best.step == self.step

    def note_validation(self, scores: Scores, aux_weight: float) -> bool:
        """Record a validation; whether it is the best of all trained states so far.

        Best is the lowest objective, loss + λ · shadow loss: what the training minimises.
        """
        self.validated_step = self.step
        if self.step == 0:  # the untrained model is a point of reference, not a candidate
            return False
        objective = scores.loss + aux_weight * scores.shadow_loss
        if self.best is not None and objective >= self.best.objective:
            self.stale_validations += 1
            return False
        self.best = Best(self.step, objective, scores.loss, scores.shadow_loss)
        self.stale_validations = 0
        return True

    def to_record(self) -> dict[str, Any]:
        """As JSON keeps it; floats survive to the last bit."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Progress:
        """The inverse of :meth:`to_record`; other keys are ignored."""
        known = {f.name for f in dataclasses.fields(cls)}
        values = {name: value for name, value in record.items() if name in known}
        best = values.pop("best")
        tally = Tally(**values.pop("tally"))
        return cls(**values, best=Best(**best) if best else None, tally=tally)


def validations_left(step: int, steps: int, every: int) -> int:
    """Validations still to come after optimizer step ``step`` of ``steps``, its own included.

    There is one at every multiple of ``every`` and one at the end.
    """
    return steps // every - (step - 1) // every + (steps % every > 0)
