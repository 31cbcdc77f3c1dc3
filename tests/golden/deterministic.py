"""Weights that follow from their names, and the tiny model folders made of them.

A golden lists the names and shapes of a model's tensors instead of their values: the values are a
function of the name, so the generator (torch) and the tests (MLX) write the same file and no
random number generator stands between them. NumPy and safetensors only.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

Shapes = Mapping[str, Sequence[int]]

PATH_PLACEHOLDER = "SHADOW"
"""What an adapter config holds in a golden where PEFT wrote the path of the explicit shadow."""

_NORM = re.compile(r"(norm|ln_|layernorm)[^.]*(\.norms\.\d+)?\.weight$")
_EMBEDDING = re.compile(r"(embed_tokens|embed_in|wte)\.weight$")
_BLOCK = re.compile(r"\.(layers|h|blocks)\.\d+\.(?=shadow_)")


def uniform(name: str, shape: Sequence[int]) -> np.ndarray:
    """Numbers in [-1, 1) drawn from the hash of ``name``: float32, the same on every machine."""
    count = int(np.prod(shape))
    words = np.frombuffer(hashlib.shake_256(name.encode()).digest(4 * count), "<u4")
    return np.asarray(words / 2.0**31 - 1.0, np.float32).reshape(shape)


def fill(name: str, shape: Sequence[int]) -> np.ndarray:
    """The value of the tensor called ``name``: float32.

    Norm weights lie in 1 ± 0.2, embeddings in ±0.6, other matrices in ±0.25 and other vectors in
    ±0.1: what keeps activations near one, and 20 steps of SGD smooth, at the widths used here.
    """
    noise = uniform(name, shape)
    if _NORM.search(name):
        return np.asarray(1.0 + 0.2 * noise, np.float32)
    scale = 0.6 if _EMBEDDING.search(name) else 0.1 if len(shape) < 2 else 0.25
    return np.asarray(scale * noise, np.float32)


def tokens(name: str, shape: Sequence[int], vocab_size: int) -> np.ndarray:
    """Token ids in ``[0, vocab_size)`` drawn from the hash of ``name``: int64."""
    return ((uniform(name, shape) + 1.0) / 2.0 * vocab_size).astype(np.int64)


def depth_shared(name: str) -> str:
    """The name under which every block of a depth-shared adapter has the same values."""
    return _BLOCK.sub(r".\1.*.", name)


def adapter_values(shapes: Shapes, sharing: str = "layer") -> dict[str, np.ndarray]:
    """The tensors of an adapter; with ``sharing="depth"`` every block holds equal copies."""
    rename = depth_shared if sharing == "depth" else str
    return {name: fill(rename(name), shape) for name, shape in shapes.items()}


def backbone_values(shapes: Shapes) -> dict[str, np.ndarray]:
    """The tensors of a backbone or of an explicit shadow."""
    return {name: fill(name, shape) for name, shape in shapes.items()}


def mlx_layout(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same tensors as mlx-lm reads them: gpt-oss experts split and turned [out, in]."""
    laid: dict[str, np.ndarray] = {}
    for name, value in values.items():
        stem, dot, leaf = name.rpartition(".experts.")
        part = leaf.removesuffix("_bias")
        if not dot or part not in ("gate_up_proj", "down_proj"):
            laid[name] = value
            continue
        suffix = ".bias" if leaf.endswith("_bias") else ".weight"
        halves = {"down_proj": value}
        if part == "gate_up_proj":
            halves = {"gate_proj": value[..., ::2], "up_proj": value[..., 1::2]}
        for half, array in halves.items():
            turned = array.swapaxes(1, 2) if suffix == ".weight" else array
            laid[f"{stem}{dot}{half}{suffix}"] = np.ascontiguousarray(turned)
    return laid


def write_backbone(
    folder: Path, config: Mapping[str, Any], shapes: Shapes, *, for_mlx: bool = False
) -> Path:
    """Write a Hugging Face model folder (config.json, model.safetensors) and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    values = backbone_values(shapes)
    if for_mlx and config["model_type"] == "gpt_oss":
        values = mlx_layout(values)
    save_file(values, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_adapter(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    shadow: Path | None = None,
) -> Path:
    """Write a PEFT adapter folder and return it.

    ``shadow`` replaces the placeholder that a golden keeps for the explicit shadow's folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(config)
    if config["shadow_model"] == PATH_PLACEHOLDER:
        if shadow is None:
            raise ValueError("this adapter has an explicit shadow: pass its folder as `shadow`")
        config["shadow_model"] = str(shadow)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    save_file(dict(tensors), folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


def save_golden(path: Path, value: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Write JSON with one key a line and innermost lists on one line, and arrays beside it."""
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    text = json.dumps(value, indent=1)
    flat = re.sub(r"\[[^\[\]{}]*\]", lambda m: re.sub(r"\s*\n\s*", " ", m.group()), text)
    path.write_text(flat.replace("[ ", "[").replace(" ]", "]") + "\n")


def load_golden(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What ``path`` (JSON) describes, and the arrays of the file beside it."""
    with np.load(path.with_suffix(".npz")) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(path.read_text()), arrays
