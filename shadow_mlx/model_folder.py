"""What a model's folder must hold, and what an adapter's is known by."""

from __future__ import annotations

import json
from pathlib import Path

from shadow_mlx.errors import ModelError

# transformers makes an empty tokenizer where there is none of these.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "*.tiktoken", "vocab.*")


ADAPTER_CONFIGS = ("adapter_config.json", "shadow_config.json")
"""What an adapter's folder is known by: PEFT's format, and the original package's."""


def holds_adapter(folder: str | Path) -> bool:
    """Whether there is an adapter in ``folder``, of either format."""
    return any((Path(folder) / name).is_file() for name in ADAPTER_CONFIGS)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a model's configuration and a tokenizer."""
    return is_model(folder) and any(next(folder.glob(name), None) for name in TOKENIZER_FILES)


def is_model(folder: Path) -> bool:
    """Whether a folder looks like a model's at all."""
    return (folder / "config.json").is_file()


def check_model(folder: Path, name: str, *, trust_remote_code: bool) -> None:
    """Refuse a folder that cannot be loaded as a model; ``name`` is what the user called it.

    Raises:
        ModelError: Its config.json or its weights are missing or unusable, or it wants to run code
            of its own and ``trust_remote_code`` is False.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = ""
        if holds_adapter(folder):
            hint = "; it holds an adapter: give it as --adapter-path"
        raise ModelError(f"{name}: no config.json in the model's folder{hint}") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise ModelError(f"{name}: config.json is not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise ModelError(f"{name}: config.json: expected an object")
    if config.get("model_file") and not trust_remote_code:
        raise ModelError(
            f"{name}: the model wants to run code of its own ({config['model_file']}); read it, "
            "and give --trust-remote-code if you trust it"
        )
    if not any(folder.glob("model*.safetensors")):
        other = next((p.name for p in folder.iterdir() if p.suffix in (".bin", ".gguf", ".pt")), "")
        found = f" (found {other})" if other else ""
        raise ModelError(
            f"{name}: no model*.safetensors in the model's folder{found}; "
            "mlx_lm.convert makes a folder that can be used"
        )


def has_all_weights(folder: Path) -> bool:
    """Whether the weights that the index names are all there: a download may have broken off."""
    index = folder / "model.safetensors.index.json"
    if not is_model(folder):
        return False
    if not index.is_file():
        return any(folder.glob("model*.safetensors"))
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (KeyError, TypeError, AttributeError, ValueError):
        return False
    return all((folder / name).is_file() for name in names)
