"""The names and shapes under which a model's tensors are written.

transformers' where mlx-lm reads them too, so that one folder serves both; mlx-lm's own otherwise.
Which of them mlx-lm reads back to the very same arrays is tried.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes  # mlx-lm's only map from a config to its classes

from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.keys import Family, family_of
from shadow_mlx.errors import UnsupportedArchitectureError

OPENED_BY_TRANSFORMERS = frozenset(
    [
        "apertus",
        "cohere",
        "cohere2",
        "ernie4_5",
        "exaone4",
        "gemma",
        "gemma2",
        "gemma3_text",
        "glm",
        "glm4",
        "gpt2",
        "gpt_bigcode",
        "gpt_neox",
        "gptj",
        "granite",
        "helium",
        "hunyuan_v1_dense",
        "lfm2",
        "llama",
        "ministral3",
        "mistral",
        "mixtral",
        "nemotron",
        "olmo2",
        "olmo3",
        "olmoe",
        "phi",
        "phi3",
        "qwen2",
        "qwen2_moe",
        "qwen3",
        "qwen3_moe",
        "seed_oss",
        "smollm3",
        "stablelm",
        "starcoder2",
    ]
)
"""Families whose folders transformers was seen to open, with the same logits (``tests/golden``)."""

Tensors = dict[str, mx.array]


def file_tensors(model: nn.Module, config: dict[str, Any]) -> Tensors:
    """What is written of a model, by name.

    Raises:
        UnsupportedArchitectureError: mlx-lm would not read back what is written.
    """
    own = dict(tree_flatten(model.parameters()))
    decoder, family = find_decoder(model), family_of(str(config.get("model_type")))
    candidates = [] if is_quantized(config) or family is None else _outward(decoder, family, own)
    for tensors in [*candidates, own]:
        if _reads_back(tensors, own, config):
            return tensors
    raise UnsupportedArchitectureError(
        f"mlx-lm does not read its own tensors of {decoder.name} back, so it cannot be written"
    )


def why_not_transformers(config: dict[str, Any]) -> str | None:
    """Why nothing is said of transformers for this ``config.json``; ``None`` if it opens it."""
    if is_quantized(config):
        return "its weights are quantized as MLX has them; --dequantize writes plain ones"
    if config.get("model_type") not in OPENED_BY_TRANSFORMERS:
        return "it was not tried with this architecture"
    return None


def is_quantized(config: dict[str, Any]) -> bool:
    """Whether some of the weights are quantized."""
    return bool(config.get("quantization"))


def _outward(decoder: Decoder, family: Family, own: Tensors) -> Iterator[Tensors]:
    """Under transformers' names: with its decoder's name before them, and without (GPT-2)."""
    inside = ".".join(decoder.path) + "."
    own_head = f"{decoder.own_head}."
    inner = {k.removeprefix(inside): v for k, v in own.items() if k.startswith(inside)}
    outside = {k: v for k, v in own.items() if not k.startswith(inside)}
    outside |= {k: v for k, v in inner.items() if k.startswith(own_head)}
    blocks = {k: v for k, v in inner.items() if not k.startswith(own_head)}
    for found in (family.outward(blocks), _single_experts(blocks)):
        for prefix in (family.blocks.rpartition(".")[0] + ".", ""):
            yield {**{prefix + name: value for name, value in found.items()}, **outside}


def _single_experts(tensors: Tensors) -> Tensors:
    """``switch_mlp.up_proj`` ``[E, I, H]`` as ``E`` matrices, as checkpoints on the hub have them.

    transformers joins them when it loads, and mlx-lm stacks them.
    """
    found: Tensors = {}
    for name, value in tensors.items():
        stem, switch, part = name.partition("switch_mlp.")
        if not switch:
            found[name] = value
            continue
        if stem.endswith("block_sparse_moe."):  # Mixtral
            part = _MIXTRAL[part.partition("_")[0]] + ".weight"
        found |= {f"{stem}experts.{i}.{part}": value[i] for i in range(value.shape[0])}
    return found


_MIXTRAL = {"gate": "w1", "down": "w2", "up": "w3"}


def _reads_back(tensors: Tensors, own: Tensors, config: dict[str, Any]) -> bool:
    model_class, args_class = _get_classes(config)
    fresh = model_class(args_class.from_dict(copy.deepcopy(config)))
    sanitize = getattr(fresh, "sanitize", None)
    try:
        read = dict(tensors) if sanitize is None else dict(sanitize(dict(tensors)))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return False
    return read.keys() == own.keys() and all(
        read[name].shape == value.shape and _same(read[name], value) for name, value in own.items()
    )


def _same(read: mx.array, written: mx.array) -> bool:
    """Equal, but for the rounding of an architecture that normalizes what it reads (Baichuan)."""
    if not mx.issubdtype(written.dtype, mx.floating):
        return bool(mx.array_equal(read, written).item())
    relative = 1e-5 if written.dtype == mx.float32 else 1e-2
    return bool(mx.allclose(read, written, rtol=relative, atol=1e-6).item())
