"""Where a run stands: the one mutable record of the loop, saved with every checkpoint."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.files.declared import build
from shadow_mlx.runs.losses import ON_POLICY, gathered, spread
from shadow_mlx.training.distillation import DISTILLATION
from shadow_mlx.training.evaluate import Scores
from shadow_mlx.training.step import StepResult


@dataclass
class Tally:
    """Sums since the last report. Saved too, so that a resumed run reports the same averages.

    The losses are those of the data. Of what the shadow wrote itself, which has no labels, and
    whose divergence is another quantity, there is that divergence by itself.

    Attributes:
        steps: All steps.
        tokens: Supervised tokens of the data.
        losses: Sums over these.
        gradient_norm: Summed over all steps.
        written_tokens: Tokens that the shadow wrote.
        written_divergence: Its sum over these.
    """

    steps: int = 0
    tokens: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    gradient_norm: float = 0.0
    written_tokens: int = 0
    written_divergence: float = 0.0

    def add(self, result: StepResult, tokens: int, *, written: bool = False) -> None:
        """Count one step over ``tokens`` supervised tokens, of the data or ``written``."""
        self.steps += 1
        self.gradient_norm += result.gradient_norm
        found = dict.fromkeys(result.losses, 0.0) if written else result.losses
        self.losses = {name: self.losses.get(name, 0.0) + value for name, value in found.items()}
        if written:
            self.written_tokens += tokens
            self.written_divergence += result.losses[DISTILLATION]
        else:
            self.tokens += tokens

    def means(self, *, on_policy: bool = False) -> dict[str, float]:
        """The losses of a token; nan where there was no token.

        Args:
            on_policy: Whether there are steps on what the shadow writes; they have a loss then.
        """
        means = {name: _mean(total, self.tokens) for name, total in self.losses.items()}
        if on_policy:
            means[ON_POLICY] = _mean(self.written_divergence, self.written_tokens)
        return means

    def emptied(self) -> Tally:
        """Nothing, of the same losses."""
        return Tally(losses=dict.fromkeys(self.losses, 0.0))


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
    losses: Mapping[str, float]


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

    @property
    def best_step(self) -> int | None:
        """The step of the best validation; ``None`` without one."""
        return self.best.step if self.best else None

    def best_losses(self, names: Iterable[str]) -> dict[str, float | None]:
        """Losses of the best validation by name; ``None`` without one."""
        return {name: self.best.losses[name] if self.best else None for name in names}

    def note_validation(self, scores: Scores) -> bool:
        """Record a validation; whether it is the best of all trained states so far.

        Best is the lowest value of the objective: what the training minimises.
        """
        self.validated_step = self.step
        if self.step == 0:  # the untrained model is a point of reference, not a candidate
            return False
        if self.best is not None and scores.value >= self.best.objective:
            self.stale_validations += 1
            return False
        self.best = Best(self.step, scores.value, scores.losses)
        self.stale_validations = 0
        return True

    def to_record(self) -> dict[str, Any]:
        """As JSON keeps it; floats survive to the last bit."""
        record = dataclasses.asdict(self)
        parts = {name: record[name] and spread(record[name]) for name in ("best", "tally")}
        return record | parts

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Progress:
        """The inverse of :meth:`to_record`; other keys are ignored."""
        known = {f.name for f in dataclasses.fields(cls)}
        values = {name: value for name, value in record.items() if name in known}
        best, tally = values.pop("best"), build(Tally, gathered(values.pop("tally")))
        return cls(**values, best=build(Best, gathered(best)) if best else None, tally=tally)


def _mean(total: float, tokens: int) -> float:
    return total / tokens if tokens else math.nan


def validations_left(step: int, steps: int, every: int) -> int:
    """Validations still to come after optimizer step ``step`` of ``steps``, its own included.

    There is one at every multiple of ``every`` and one at the end.
    """
    return steps // every - (step - 1) // every + (steps % every > 0)
