"""What a rival's folder holds: an adapter of mlx-lm, or a whole model. Nothing here needs MLX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shadow_mlx.checkpoints.mlx_lm_adapter import (
    FineTuning,
    MlxLmAdapter,
    is_mlx_lm_adapter,
    read_mlx_lm_adapter,
)
from shadow_mlx.config.paths import local
from shadow_mlx.errors import InputError
from shadow_mlx.files.json_files import JsonFileError, read_object

RivalKind = FineTuning | Literal["model"]

_SHADOWS = ("shadow_config.json",)


@dataclass(frozen=True)
class Rival:
    """Something that no shadow of ours is part of, and that answers all the same.

    Attributes:
        name: As it was named.
        adapter: What it puts on a backbone; ``None`` for a whole model, which ``name`` names.
    """

    name: str
    adapter: MlxLmAdapter | None = None

    @property
    def kind(self) -> RivalKind:
        """What it is made of."""
        return self.adapter.kind if self.adapter else "model"


def rival_of(name: str) -> Rival:
    """What a person means by ``--rival``.

    Args:
        name: A folder, a bundled model, or a hub id.

    Raises:
        CheckpointError: It is an adapter of mlx-lm that cannot be used.
        InputError: It is an adapter of another kind.
    """
    folder = local(name)
    if folder is None or not folder.is_dir():
        return Rival(name)  # what loads models says what is wrong
    if is_mlx_lm_adapter(folder):
        return Rival(name, read_mlx_lm_adapter(folder))
    kind = _peft_type(folder)
    if kind == "SHADOW" or any((folder / file).is_file() for file in _SHADOWS):
        raise InputError(f"--rival {name}: holds a shadow; name it with --adapter-path {name}")
    if kind is not None:
        raise InputError(
            f"--rival {name}: an adapter of Hugging Face PEFT ({kind}), which mlx-lm does not "
            "load; merge it into its model and convert that (mlx_lm.convert), and name the "
            "model's folder"
        )
    return Rival(name)


def _peft_type(folder: Path) -> str | None:
    """The kind of PEFT's adapter in a folder, ``unknown`` where it does not tell."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        return None
    try:
        return str(read_object(path).get("peft_type", "unknown"))
    except (OSError, JsonFileError):
        return "unknown"
