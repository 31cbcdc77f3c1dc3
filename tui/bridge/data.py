"""The data files that a name stands for; for a thread, since files are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.paths import home_expanded

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig


def bundled_data() -> Path:
    """The first-run data set that comes with the package.

    Raises:
        ModelError: The package was installed without it.
    """
    from shadow_mlx.bundled import bundled_model

    return bundled_model("sprout") / "data" / "robot-intents"


def data_files(data: str) -> list[Path]:
    """The local files that a name of data stands for; ``[]`` for what is not here."""
    from shadow_mlx.data.sources import locate

    if not home_expanded(data).exists():
        return []
    try:
        return list(locate(data))
    except ShadowMLXError:
        return []


def records_in(data: str) -> tuple[int, int] | None:
    """Training and validation examples of local data, by counting lines (0 where not given)."""
    from shadow_mlx.data.lines import LineIndex
    from shadow_mlx.data.sources import locate

    if not data or not home_expanded(data).exists():
        return None
    try:
        files = locate(data)
        return len(LineIndex(files.train)), len(LineIndex(files.valid)) if files.valid else 0
    except (ShadowMLXError, OSError):
        return None


def training_bytes(config: TrainConfig) -> float:
    """Bytes of the lines that a run trains on; 0 for data that are not here."""
    from shadow_mlx.data.sources import locate

    if not config.data or not home_expanded(config.data).exists():
        return 0.0
    try:
        files = locate(config.data)
        size = files.train.stat().st_size
    except (ShadowMLXError, OSError):
        return 0.0
    set_apart = config.valid_fraction if config.val_batches and files.valid is None else 0.0
    return size * (1 - set_apart)
