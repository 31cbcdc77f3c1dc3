"""How long a run will take, told from an earlier one on the same backbone, or from a step of it.

A guess in the right order of size: other data have other lengths, other options another speed.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.config.paths import local
from shadow_mlx.data.reading.extent import training_bytes
from shadow_mlx.runs.listing import find_runs
from shadow_mlx.runs.record import EventReader
from shadow_mlx.runs.settings import settings_of

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig

RECENT = 20
"""Runs that are looked at, the newest first."""


@dataclass(frozen=True)
class Pace:
    """What an earlier run tells.

    Attributes:
        tokens_per_second: The median of its reports.
        tokens_per_byte: Of its training file.
        check_seconds: One validation with its samples; 0 where it had none.
    """

    tokens_per_second: float
    tokens_per_byte: float
    check_seconds: float

    def seconds(self, epochs: float, data_bytes: float, checks: int) -> float:
        """How long a run takes that reads so many bytes of data so many times."""
        tokens = epochs * data_bytes * self.tokens_per_byte
        return tokens / self.tokens_per_second + checks * self.check_seconds


FORWARD = 1 / 3
"""Of the time of a training batch that one of a validation takes: it has no backward pass."""


@dataclass(frozen=True)
class StepPace:
    """What a measured step tells.

    Attributes:
        batch_seconds: Of a batch of the usual size, and its share of the update.
    """

    batch_seconds: float

    def seconds(self, batches: int, scored: int) -> float:
        """How long so many batches take, and as many as are only scored."""
        return self.batch_seconds * (batches + FORWARD * scored)


def pace_of(model: str, known: Iterable[str], below: Path) -> Pace | None:
    """The pace of the newest run on ``model``; ``None`` where there is none to go by.

    Args:
        model: The backbone, as the form names it.
        known: Run folders that are remembered.
        below: Where else runs are looked for.
    """
    for folder in find_runs(known, below)[:RECENT]:
        config = settings_of(folder)
        if config is None or config.model is None or not _same(config.model, model):
            continue
        view = EventReader(folder).read_all()
        size = training_bytes(config)
        speeds = [speed for speed in view.speed.values if speed > 0]
        if size and view.started and view.started.tokens_per_epoch and speeds:
            checked = view.validated.seconds if view.validated else 0.0
            answered = sum(sample.seconds for sample in view.samples[-1]) if view.samples else 0.0
            return Pace(
                statistics.median(speeds),
                view.started.tokens_per_epoch / size,
                checked + answered,
            )
    return None


def checks_of(config: TrainConfig, steps: int) -> int:
    """Validations of a run of ``steps`` steps, if it has any: the first one comes before it."""
    return 1 + -(-steps // config.steps_per_eval) if config.val_batches else 0


def _same(one: str, other: str) -> bool:
    place, there = local(one), local(other)
    same = place is not None and there is not None and place.absolute() == there.absolute()
    return one == other or same
