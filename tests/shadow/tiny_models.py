"""Tiny random mlx-lm models for the tests of the method."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import _get_classes

from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.network import seeded

VOCABULARY = 64
QWEN3: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 64,  # two quantization groups of 32
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "rms_norm_eps": 1e-6,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 256,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}


def backbone(dtype: mx.Dtype = mx.float32, **changes: Any) -> nn.Module:
    """A random model of :data:`QWEN3` with changes, evaluated; the same at every call."""
    config = QWEN3 | changes
    model_class, args_class = _get_classes(config)
    with seeded(0):
        model: nn.Module = model_class(args_class.from_dict(dict(config)))
    model.set_dtype(dtype)
    mx.eval(model.parameters())
    model.eval()
    return model


def attached(model: nn.Module | None = None, *, seed: int = 0, **options: Any) -> AttachedModel:
    """A shadow of rank 4 whose tensors are all moved off their start, in evaluation mode."""
    model = backbone() if model is None else model
    shadowed = attach(model, QWEN3, ShadowConfig(**{"rank": 4, **options}), seed=seed)
    stir(shadowed.shadow)
    shadowed.eval()
    return shadowed


def stir(module: nn.Module, scale: float = 0.1) -> None:
    """Add noise to every tensor that the module trains."""
    named = tree_flatten(module.trainable_parameters())
    keys = mx.random.split(mx.random.key(3), len(named))
    module.update(
        tree_unflatten(
            [
                (name, value + scale * mx.random.normal(value.shape, value.dtype, key=key))
                for (name, value), key in zip(named, keys, strict=True)
            ]
        )
    )
    mx.eval(module.parameters())


def tokens(length: int, seed: int = 0) -> mx.array:
    """Random token ids ``[1, length]``."""
    return mx.random.randint(0, VOCABULARY, (1, length), key=mx.random.key(seed))


def difference(found: mx.array, expected: mx.array) -> float:
    """The largest difference, relative to the largest expected value."""
    assert found.shape == expected.shape
    wide = expected.astype(mx.float32)
    return float((mx.abs(found.astype(mx.float32) - wide).max() / mx.abs(wide).max()).item())
