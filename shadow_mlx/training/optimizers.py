"""The optimizer and its learning rate, from mlx.optimizers, as the options describe them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import mlx.core as mx
import mlx.optimizers as optim

from shadow_mlx.config import OptimizerName, TrainConfig

Schedule = Callable[[mx.array], mx.array]

BETAS = (0.9, 0.98)
WARMUP_SHARE = 0.1
HIGHEST_RATE = 1.5e-3
STEPS_AT_HIGHEST = 450
NETWORK = "shadow.backbone."
"""Where the shadow network's weights are in the model."""

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
    rate = HIGHEST_RATE * min(1.0, math.sqrt(STEPS_AT_HIGHEST / total_steps))
    return float(f"{rate:.3g}")  # people read it, and give it to other runs


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
    The shadow network may have a learning rate of its own.
    """
    rate = peak_rate(config, total_steps)
    rest: OptimizerName = "adamw" if config.optimizer == "muon" else config.optimizer
    apart = config.shadow_rate != 1  # one optimizer for both keeps the state that runs have had
    optimizers, filters = [], []
    for matrices in (True, False):
        for network in (False, True) if apart else (None,):
            peak = rate * config.shadow_rate if network else rate
            schedule = build_schedule(replace(config, learning_rate=peak), total_steps)
            kind, decay = (config.optimizer, config.weight_decay) if matrices else (rest, 0.0)
            optimizers.append(_single(kind, schedule, decay))
            filters.append(partial(_belongs, matrices, network))
    return optim.MultiOptimizer(optimizers, filters[:-1])  # the last one takes what is left


def _belongs(matrices: bool, network: bool | None, name: str, weight: mx.array) -> bool:
    """Whether a weight is one of the matrices or not, and of the shadow network or not."""
    inside = network is None or name.startswith(NETWORK) == network
    return (weight.ndim >= 2) == matrices and inside


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
