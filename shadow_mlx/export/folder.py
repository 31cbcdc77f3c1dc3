"""The exported folder: only what this program exported is ever replaced."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.utils import make_shards

from shadow_mlx.backbones.folder import INDEX
from shadow_mlx.errors import InputError
from shadow_mlx.export.tokenizer_files import CODE, PATTERNS
from shadow_mlx.files.card_seal import is_own_card
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.writing import save_safetensors, write_json

MARK = "exported_by"
"""In ``config.json``: by it a folder of ours is known. Other programs pass over it."""

PROGRAM = "shadow-mlx"
CARD = "README.md"
_NAMES = ("config.json", "generation_config.json", CARD, INDEX, "model*.safetensors", *PATTERNS)


def check_output(folder: Path) -> None:
    """Refuse a folder in which an export would destroy what it did not write.

    Raises:
        InputError: Names what stands there.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output {folder}: is a file, expected a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not is_export(folder):
        raise InputError(
            f"--output {folder}: holds what shadow-mlx did not export, and does not touch; choose "
            "another folder, or move this one away"
        )
    names = sorted(path.name for path in folder.iterdir())
    others = [name for name in names if not is_exported_name(name)]
    if CARD in names and not is_own_card(folder / CARD):
        others.append(f"{CARD}, which somebody changed")
    if others:
        raise InputError(
            f"--output {folder}: an earlier export, with files that are not its own: "
            f"{', '.join(others[:5])}; move them away, or choose another folder"
        )


def is_export(folder: Path) -> bool:
    """Whether a folder holds an exported model."""
    try:
        return read_object(folder / "config.json").get(MARK) == PROGRAM
    except (OSError, JsonFileError):
        return False


def is_exported_name(name: str) -> bool:
    """Whether an export writes a file of this name."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in (*_NAMES, CODE))


def write_weights(folder: Path, tensors: Mapping[str, mx.array]) -> None:
    """``model.safetensors``, or several files with an index where they are large.

    Raises:
        SurroundingsError: The disk is full or otherwise refuses.
    """
    shards = make_shards(dict(tensors))
    if len(shards) == 1:
        save_safetensors(folder / "model.safetensors", shards[0], {"format": "pt"})
        return
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_safetensors(folder / name, shard, {"format": "pt"})
        places |= dict.fromkeys(shard, name)
    total = sum(value.nbytes for value in tensors.values())
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})


def write_settings(folder: Path, config: Mapping[str, Any], generation: Mapping[str, Any]) -> None:
    """``config.json`` with our mark, and ``generation_config.json``.

    Raises:
        SurroundingsError: The disk is full or otherwise refuses.
    """
    write_json(folder / "config.json", {**config, MARK: PROGRAM})
    write_json(folder / "generation_config.json", generation)
