"""The data that an adapter was trained on, as the record of its run names them."""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.config import ColumnConfig
from shadow_mlx.config.paths import absolute
from shadow_mlx.data.reading.sources import files_of, locate_here
from shadow_mlx.runs.settings import settings_of


def held_out_file(adapter: Path) -> str | None:
    """The test split of the data that an adapter was trained on, else its validation split."""
    config = settings_of(adapter)
    files = locate_here(config.data or "") if config else None
    return str(files.test or files.valid or files.train) if files else None


def training_file(adapter: Path) -> tuple[Path, ColumnConfig] | None:
    """The file that an adapter was trained on, and its columns; ``None`` where it is not here."""
    config = settings_of(adapter)
    files = locate_here(config.data or "") if config else None
    return (files.train, config.columns) if config and files else None


def columns_of(adapter: str, data: str) -> dict[str, str]:
    """The columns that a run named by hand, where ``data`` are of the data it was trained on."""
    config = settings_of(Path(adapter))
    if config is None or not config.data:
        return {}
    known = {absolute(config.data), *(absolute(str(path)) for path in files_of(config.data))}
    return config.named() if absolute(data) in known else {}
