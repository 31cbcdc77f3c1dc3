"""The data files that a name stands for; for a thread, since files are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.errors import ShadowMLXError
from tui.bridge.paths import local

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig


def bundled_data() -> Path:
    """The first-run data set that comes with the package.

    Raises:
        ModelError: The package was installed without it.
    """
    from shadow_mlx.backbones.bundled import bundled_model

    return bundled_model("sprout") / "data" / "robot-intents"


def data_files(data: str) -> list[Path]:
    """The local files that a name of data stands for; ``[]`` for what is not here."""
    from shadow_mlx.data.reading.sources import locate

    if local(data) is None:
        return []
    try:
        return list(locate(data))
    except (ShadowMLXError, OSError):
        return []


def data_refusal(data: str) -> str | None:
    """Why training would refuse these data at once, if it would; a hub id is not looked up."""
    from shadow_mlx.data.reading.sources import is_hub_id, locate

    try:
        if not is_hub_id(data):
            locate(data)
    except ShadowMLXError as error:
        return str(error)
    return None


def trained_files(data: str) -> list[Path]:
    """The local files that a run on these data reads: to train, and to validate."""
    from shadow_mlx.data.reading.sources import locate

    if local(data) is None:
        return []
    try:
        files = locate(data)
    except ShadowMLXError:
        return []
    return [path for path in (files.train, files.valid) if path is not None]


def records_in(data: str) -> tuple[int, int] | None:
    """Training and validation examples of local data, by counting lines (0 where not given)."""
    from shadow_mlx.data.reading.lines import LineIndex
    from shadow_mlx.data.reading.sources import locate

    if local(data) is None:
        return None
    try:
        files = locate(data)
        return len(LineIndex(files.train)), len(LineIndex(files.valid)) if files.valid else 0
    except (ShadowMLXError, OSError):
        return None


def training_bytes(config: TrainConfig) -> float:
    """Bytes of the lines that a run trains on; 0 for data that are not here."""
    from shadow_mlx.data.reading.sources import locate

    if not config.data or local(config.data) is None:
        return 0.0
    try:
        files = locate(config.data)
        size = files.train.stat().st_size
    except (ShadowMLXError, OSError):
        return 0.0
    set_apart = config.valid_fraction if config.val_batches and files.valid is None else 0.0
    return size * (1 - set_apart)
