"""What a model's folder must hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from shadow_mlx.backbones.configuration import config_problems, end_problems, vocabulary_of
from shadow_mlx.errors import ModelError
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.tensor_files import DamagedFileError, read_tensor_infos
from shadow_mlx.runs.folder import holds_adapter

# transformers makes an empty tokenizer where there is none of these.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "*.tiktoken", "tiktoken.model", "vocab.*")
INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"model.*-(\d{5})-of-(\d{5})\.safetensors")
_MOST_SHARDS = 10_000


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a model's configuration and a tokenizer."""
    files = (path for name in TOKENIZER_FILES for path in folder.glob(name))
    return is_model(folder) and any(path.is_file() for path in files)


def is_model(folder: Path) -> bool:
    """Whether a folder looks like a model's at all."""
    return (folder / "config.json").is_file()


def check_model(folder: Path, name: str, *, trust_remote_code: bool) -> None:
    """Refuse a folder that cannot be loaded as a model; ``name`` is what the user called it.

    Raises:
        ModelError: Its config.json or its weights are missing or unusable, or it wants to run code
            of its own and ``trust_remote_code`` is False.
    """
    config = read_model_config(folder, name)
    if config.get("model_file") and not trust_remote_code:
        raise ModelError(
            f"{name}: the model wants to run code of its own ({config['model_file']}); read it, "
            "and give --trust-remote-code if you trust it"
        )
    _check_weights(folder, name)


def read_model_config(folder: Path, name: str) -> dict[str, Any]:
    """A model's ``config.json``; ``name`` is what the user called the model.

    Raises:
        ModelError: It is missing, no JSON object, or no model can have its settings; all together.
    """
    try:
        config = _required(folder / "config.json")
        problems = {"config.json": config_problems(config)}
        generation = _optional(folder / "generation_config.json")
    except FileNotFoundError:
        hint = ""
        if holds_adapter(folder):
            hint = "; it holds an adapter: give it as --adapter-path"
        raise ModelError(f"{name}: no config.json in the model's folder{hint}") from None
    except OSError as error:
        raise ModelError(f"{name}: {error.filename}: cannot be read: {error.strerror}") from None
    except JsonFileError as error:
        raise ModelError(f"{name}: {error}") from None
    problems["generation_config.json"] = end_problems(generation, vocabulary_of(config))
    for file, found in problems.items():
        if found:
            raise ModelError(
                f"{name}: its {file} cannot be used: {'; '.join(found[:5])}; copy the model's own "
                "file there again"
            )
    return config


def _check_weights(folder: Path, name: str) -> None:
    weights = _weights(folder)
    if not weights:
        other = next((p.name for p in folder.iterdir() if p.suffix in (".bin", ".gguf", ".pt")), "")
        found = f" (found {other})" if other else ""
        raise ModelError(
            f"{name}: no model*.safetensors in the model's folder{found}; "
            "mlx_lm.convert makes a folder that can be used"
        )
    if not has_all_weights(folder):
        raise ModelError(
            f"{name}: some of the model's weights are not in its folder (those that "
            f"{INDEX} or the files' own numbers name); copy or download them again"
        )


def check_tensors(folder: Path, name: str) -> None:
    """Refuse weights that are damaged or cut short; their headers are read.

    Raises:
        ModelError: Names the file.
    """
    for path in _weights(folder):
        try:
            read_tensor_infos(path)
        except OSError as error:
            raise ModelError(f"{name}: {path.name}: cannot be read: {error.strerror}") from None
        except DamagedFileError as error:
            raise ModelError(
                f"{name}: {path.name}: its weights cannot be read, the file may be incomplete: "
                f"{error}; copy or download it again"
            ) from None


def has_all_weights(folder: Path) -> bool:
    """Whether all weights are there that the index, or the files' own numbers, name.

    A download may have broken off.
    """
    if not is_model(folder):
        return False
    there = {path.name for path in _weights(folder)}
    try:
        index = _optional(folder / INDEX)
    except (OSError, JsonFileError):
        return False
    if index:
        named = index.get("weight_map")
        if not isinstance(named, dict) or not named:
            return False
        return all(isinstance(name, str) and name in there for name in named.values())
    numbered = [match for name in there if (match := _SHARD.fullmatch(name))]
    wanted = {int(match[2]) for match in numbered}
    return bool(there) and all(
        {int(match[1]) for match in numbered if int(match[2]) == count} >= set(range(1, count + 1))
        for count in wanted
        if count < _MOST_SHARDS
    )


def _weights(folder: Path) -> list[Path]:
    """The files with weights; a link of a cache may point to nothing."""
    return sorted(path for path in folder.glob("model*.safetensors") if path.is_file())


def _required(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except JsonFileError as error:
        raise JsonFileError(f"{path.name}: {error}") from None


def _optional(path: Path) -> dict[str, Any]:
    """The object in a file that need not be there.

    Raises:
        OSError: It is there and cannot be read.
        JsonFileError: It is there and holds no object; names the file.
    """
    try:
        return _required(path)
    except FileNotFoundError:
        return {}
