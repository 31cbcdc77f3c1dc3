"""What a run says of itself when it begins and when it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import mlx.core as mx

from shadow_mlx.config import ObjectiveName
from shadow_mlx.runs.events import RunEnded, RunStarted
from shadow_mlx.runs.losses import SHADOW, WATCHED
from shadow_mlx.training.assembly import Assembly
from shadow_mlx.training.loop import Outcome
from shadow_mlx.training.progress import Progress


@dataclass(frozen=True)
class RunSummary:
    """How a run ended and what it leaves.

    Attributes:
        objective: What it was for: ``finetune`` or ``pretrain``.
        adapter_path: The adapter folder.
        reason: ``done``, ``stopped`` (asked to; the state is saved) or ``patience``.
        step: Optimizer steps done, of ``total_steps``.
        saved_step: The step of the last checkpoint; 0 without one.
        best_step: Step of the adapter at the top by validation; ``None`` without validation.
        best_losses: Its validation losses by their names; each ``None`` without validation.
        supervised_tokens: Tokens trained, over all resumptions.
        seconds: Time in steps and validations, over all resumptions.
        peak_memory_bytes: Of this process.
        trainable_parameters: Of the shadow.
    """

    objective: ObjectiveName
    adapter_path: Path
    reason: Outcome
    step: int
    total_steps: int
    saved_step: int
    best_step: int | None
    best_losses: Mapping[str, float | None]
    supervised_tokens: int
    seconds: float
    peak_memory_bytes: int
    trainable_parameters: int

    @property
    def best_loss(self) -> float | None:
        """The best validation loss that is watched: the attached model's, in fine-tuning."""
        return self.best_losses.get(WATCHED)

    @property
    def best_shadow_loss(self) -> float | None:
        """The detached model's validation loss at the same step."""
        return self.best_losses.get(SHADOW)

    def figures(self) -> dict[str, Any]:
        """What ``--json`` prints, each loss as a figure of its own: ``best_loss`` and so on."""
        figures: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name == "best_losses":
                figures |= {f"best_{loss}": best for loss, best in value.items()}
            else:
                figures[name] = str(value) if isinstance(value, Path) else value
        return figures


def started(parts: Assembly, start_step: int) -> RunStarted:
    """The event of a run whose parts are assembled, about to do the step after ``start_step``."""
    counts = parts.train.counts
    return RunStarted(
        time.time(),
        total_steps=parts.length.steps,
        start_step=start_step,
        batch_size=parts.config.batch_size,
        backbone=str(parts.config.model),
        trainable_parameters=parts.trained_parameters,
        backbone_parameters=parts.backbone_parameters,
        train_examples=len(parts.train),
        valid_examples=parts.valid_examples,
        tokens_per_epoch=counts.tokens,
        supervised_tokens_per_epoch=counts.supervised_tokens,
        truncated_examples=counts.truncated,
        dropped_examples=counts.dropped,
        process_id=os.getpid(),
    )


def ended(reason: Outcome | Literal["failed"], progress: Progress, why: str = "") -> RunEnded:
    """The last event of a process that got as far as ``progress``."""
    return RunEnded(
        time.time(),
        reason=reason,
        step=progress.step,
        best_step=progress.best_step,
        best_loss=progress.best_losses([WATCHED])[WATCHED],
        seconds=progress.seconds,
        message=why,
    )


def summarise(
    adapter_path: Path, parts: Assembly, progress: Progress, outcome: Outcome, saved_step: int
) -> RunSummary:
    """The figures of a run that has just ended in this process."""
    return RunSummary(
        objective=parts.config.objective,
        adapter_path=adapter_path,
        reason=outcome,
        step=progress.step,
        total_steps=parts.length.steps,
        saved_step=saved_step,
        best_step=progress.best_step,
        best_losses=progress.best_losses(parts.step.objective.names),
        supervised_tokens=progress.supervised_tokens,
        seconds=progress.seconds,
        peak_memory_bytes=mx.get_peak_memory(),
        trainable_parameters=parts.trained_parameters,
    )
