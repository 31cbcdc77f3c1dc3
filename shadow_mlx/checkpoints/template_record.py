"""How an adapter's training has used the chat template: as it is asked, so it was trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from shadow_mlx.checkpoints.record import CONFIG_FILE, PEFT_FILES, own_part_of
from shadow_mlx.checkpoints.shadow_peft import ORIGINAL_FILES, is_original
from shadow_mlx.checkpoints.whole import whole_adapter
from shadow_mlx.config import TemplateConfig
from shadow_mlx.errors import CheckpointError, ConfigError

AS_IT_IS = TemplateConfig()


def to_record(template: TemplateConfig) -> dict[str, Any] | None:
    """What an adapter's configuration keeps: the options that are not defaults."""
    values = template.to_mapping()
    return {
        name: value for name, value in values.items() if value != getattr(AS_IT_IS, name)
    } or None


def template_of(adapter: str | Path | None, given: TemplateConfig | None = None) -> TemplateConfig:
    """How the chat template is to be used.

    Args:
        adapter: An adapter's folder; without one only what is given counts.
        given: What a person asks for. What it leaves open is as in the adapter's training.

    Raises:
        CheckpointError: The adapter cannot be read.
    """
    given = given or AS_IT_IS
    if adapter is None:
        return given
    folder = whole_adapter(Path(adapter))
    files = ORIGINAL_FILES if is_original(folder) else PEFT_FILES
    where = folder / (CONFIG_FILE if files is PEFT_FILES else ORIGINAL_FILES.config)
    recorded = own_part_of(files.read_config(folder), where).get("template") or {}
    if not isinstance(recorded, dict):
        raise CheckpointError(where, [f"template: expected an object, found {recorded!r}"])
    try:
        trained = TemplateConfig.from_mapping(recorded, where="as our option")
    except ConfigError as error:
        raise CheckpointError(where, [f"template: {error}"]) from error
    open_ones = {
        name: value
        for name, value in trained.to_mapping().items()
        if getattr(given, name) == getattr(AS_IT_IS, name)
    }
    return dataclasses.replace(given, **open_ones)
