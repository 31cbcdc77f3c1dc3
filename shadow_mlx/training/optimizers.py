"""The optimizer and its learning rate, from mlx.optimizers, as the options describe them."""

from __future__ import annotations

import math
from collections.abc import Callable

import mlx.core as mx
import mlx.optimizers as optim

from shadow_mlx.config import OptimizerName, TrainConfig

Schedule = Callable[[mx.array], mx.array]

BETAS = (0.9, 0.98)
WARMUP_SHARE = 0.1
HIGHEST_RATE = 1.5e-3
STEPS_AT_HIGHEST = 450
FINAL_SHARE = 0.0
"""Of the peak learning rate, at the end of a cosine or linear schedule."""


def warmup_steps(config: TrainConfig, total_steps: int) -> int:
    """Steps of the warm-up: as asked, else a tenth of the run; always fewer than the run has."""
    asked = config.warmup if config.warmup is not None else round(WARMUP_SHARE * total_steps)
    return min(asked, total_steps - 1)


def peak_rate(config: TrainConfig, total_steps: int) -> float:
    """The peak learning rate: as asked, else what suits a run of that many steps.

    A short run has no time for small steps; in a long one large steps are noise that the end of the
    schedule cannot take back, of which the detached model suffers most (docs/defaults.md).
    """
    if config.learning_rate is not None:
        return config.learning_rate
    return HIGHEST_RATE * min(1.0, math.sqrt(STEPS_AT_HIGHEST / total_steps))


def build_schedule(config: TrainConfig, total_steps: int) -> Schedule:
    """Learning rate by optimizer step (from 0), as an array operation.

    The warm-up rises in equal steps to the peak and never starts at 0: the first step trains.
    """
    peak, warmup = peak_rate(config, total_steps), warmup_steps(config, total_steps)
    rest = _after_warmup(config, peak, total_steps - warmup)
    if not warmup:
        return rest
    rising = optim.linear_schedule(peak / (warmup + 1), peak, warmup)
    joined: Schedule = optim.join_schedules([rising, rest], [warmup])
    return joined


def _after_warmup(config: TrainConfig, peak: float, steps: int) -> Schedule:
    end = FINAL_SHARE * peak
    schedule: Schedule
    if config.schedule == "cosine":
        schedule = optim.cosine_decay(peak, steps, end)
    elif config.schedule == "linear":
        schedule = optim.linear_schedule(peak, end, steps)
    else:
        schedule = optim.linear_schedule(peak, peak, steps)
    return schedule


def build_optimizer(config: TrainConfig, total_steps: int) -> optim.MultiOptimizer:
    """The optimizer of one run.

    Matrices decay; biases and norms do not. Muon is made for matrices: the rest goes to AdamW.
    """
    schedule = build_schedule(config, total_steps)
    rest: OptimizerName = "adamw" if config.optimizer == "muon" else config.optimizer
    return optim.MultiOptimizer(
        [
            _single(config.optimizer, schedule, config.weight_decay),
            _single(rest, schedule, 0.0),
        ],
        [lambda name, weight: weight.ndim >= 2],
    )


def _single(name: OptimizerName, schedule: Schedule, decay: float) -> optim.Optimizer:
    if name == "adamw":
        return optim.AdamW(schedule, BETAS, weight_decay=decay, bias_correction=True)
    if name == "adam":  # knows no decay
        return optim.Adam(schedule, BETAS, bias_correction=True)
    if name == "sgd":
        return optim.SGD(schedule, weight_decay=decay)
    if name == "lion":
        return optim.Lion(schedule, weight_decay=decay)
    if name == "muon":
        return optim.Muon(schedule, weight_decay=decay)
    return optim.Adafactor(schedule, weight_decay=decay, scale_parameter=False, relative_step=False)
