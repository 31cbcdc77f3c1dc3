"""How much data a run reads, as far as files that are here tell without being parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shadow_mlx.data.reading.sources import locate_here

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig


def records_in(data: str) -> tuple[int, int] | None:
    """Training and validation examples of local data, by counting lines (0 where not given)."""
    from shadow_mlx.data.reading.lines import LineIndex

    files = locate_here(data)
    if files is None:
        return None
    try:
        return len(LineIndex(files.train)), len(LineIndex(files.valid)) if files.valid else 0
    except OSError:
        return None


def training_bytes(config: TrainConfig) -> float:
    """Bytes of the lines that a run trains on; 0 for data that are not here."""
    files = locate_here(config.data or "")
    if files is None:
        return 0.0
    try:
        size = files.train.stat().st_size
    except OSError:
        return 0.0
    set_apart = config.valid_fraction if config.val_batches and files.valid is None else 0.0
    return size * (1 - set_apart)
