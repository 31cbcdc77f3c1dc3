"""How long a run is, in optimizer steps and in batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shadow_mlx.config import TrainConfig

DEFAULT_EPOCHS = 3
LEAST_STEPS = 300


@dataclass(frozen=True)
class RunLength:
    """Optimizer steps of a run, and the batches that they accumulate."""

    steps: int
    batches: int
    accumulation: int

    def window(self, step: int) -> int:
        """Batches of the step after ``step`` steps; the last one may have fewer, never none."""
        return min(self.accumulation, self.batches - step * self.accumulation)


def run_length(config: TrainConfig, batches_per_epoch: int) -> RunLength:
    """The length that the options ask for; without ``--iters`` and ``--epochs``, a default."""
    accumulation = config.grad_accumulation_steps
    if config.iters is not None:
        return RunLength(config.iters, config.iters * accumulation, accumulation)
    batches = math.ceil((config.epochs or DEFAULT_EPOCHS) * batches_per_epoch)
    if config.epochs is None:
        batches = max(batches, LEAST_STEPS * accumulation)
    return RunLength(-(-batches // accumulation), batches, accumulation)
