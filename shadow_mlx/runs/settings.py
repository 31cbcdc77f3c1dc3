"""The settings that a run has, or was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.folder import RunFolder

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig


def settings_of(folder: Path) -> TrainConfig | None:
    """The settings of a run; ``None`` where none can be read.

    A run that never got to writing its own has those that it was started with.
    """
    from shadow_mlx.config import TrainConfig
    from shadow_mlx.config.yaml_file import read_yaml

    run = RunFolder(folder)
    for path in (run.config, run.requested):
        try:
            return TrainConfig.from_mapping(read_yaml(path))
        except ShadowMLXError:
            continue
    return None


def data_settings_of(folder: Path) -> dict[str, Any]:
    """How a run read its data, by option: which, by which columns, for which backbone.

    What goes on from the run's adapter reads them so, if nothing else is said; empty where the
    run's settings cannot be read.
    """
    from shadow_mlx.config import EncodingConfig

    settings = settings_of(folder)
    if settings is None:
        return {}
    return {"data": settings.data, **settings.part(EncodingConfig).to_mapping()}
