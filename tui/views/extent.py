"""How long a run will be, told from its options and the number of its examples."""

from __future__ import annotations

from dataclasses import dataclass

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.reading.extent import training_bytes
from shadow_mlx.data.reading.splits import held_out
from shadow_mlx.training.length import run_length
from shadow_mlx.words import counted, duration
from tui.views.pace import Pace, StepPace, checks_of


@dataclass(frozen=True)
class Extent:
    """What a run does, in words.

    Attributes:
        examples: What it learns from.
        length: Its steps, epochs and validations.
        time: How long that takes, and how that is known; empty while it is not.
    """

    examples: str
    length: str
    time: str = ""


def extent(
    config: TrainConfig, records: tuple[int, int], pace: Pace | StepPace | None = None
) -> Extent:
    """How long the run is; in time too, where an earlier run or a measured step tells the pace.

    Args:
        config: Its options.
        records: Examples of the training and of the validation file.
        pace: How fast an earlier run was, or a step that was tried.
    """
    train, valid = records
    if not config.val_batches:
        valid = 0
    elif not valid:
        valid = held_out(train, config.valid_fraction)
        train -= valid
    batches = max(1, -(-train // config.batch_size))  # of an epoch
    length = run_length(config, batches)
    epochs = length.batches / batches
    each = config.batch_size * config.grad_accumulation_steps
    checks = (
        f"validation every {counted(config.steps_per_eval, 'step')}" if valid else "no validation"
    )
    checked = checks_of(config, length.steps) if valid else 0
    takes = ""
    if isinstance(pace, StepPace):
        scored = -(-valid // config.batch_size)
        if config.val_batches > 0:
            scored = min(scored, config.val_batches)
        seconds = pace.seconds(length.batches, checked * scored)
        takes = f"About {duration(seconds)}, from a step that was tried here."
    elif pace is not None and (size := training_bytes(config)):
        seconds = pace.seconds(epochs, size, checked)
        takes = f"About {duration(seconds)}, as fast as the last."
    return Extent(
        f"{counted(train, 'example')} to learn from, {valid:,} to validate",
        f"{counted(length.steps, 'step')} of {each:,} {'is' if length.steps == 1 else 'are'} "
        f"{epochs:.1f} epochs; {checks}",
        takes,
    )
