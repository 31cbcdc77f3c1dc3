"""How long a run will be, told from its options and the number of its examples."""

from __future__ import annotations

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.reading.extent import training_bytes
from shadow_mlx.data.reading.splits import held_out
from shadow_mlx.training.length import run_length
from shadow_mlx.words import duration
from tui.views.pace import Pace, checks_of
from tui.views.words import counted


def extent(config: TrainConfig, records: tuple[int, int] | None, pace: Pace | None = None) -> str:
    """How long the run is, in plain words; in time too, where an earlier run tells the pace.

    Args:
        config: Its options.
        records: Examples of the training and of the validation file; ``None`` while unknown.
        pace: How fast an earlier run was.
    """
    if records is None:
        return "The data are looked at when the run starts."
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
    takes = ""
    if pace is not None and (size := training_bytes(config)):
        checked = checks_of(config, length.steps) if valid else 0
        takes = f" About {duration(pace.seconds(epochs, size, checked))}, as fast as the last."
    return (
        f"{counted(train, 'example')} to learn from, {valid:,} to validate: "
        f"{counted(length.steps, 'step')} of {each:,} {'is' if length.steps == 1 else 'are'} "
        f"{epochs:.1f} epochs; {checks}.{takes}"
    )
