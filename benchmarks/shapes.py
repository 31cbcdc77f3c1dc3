"""Backbones whose weights are not here, by their shapes."""

from __future__ import annotations

from typing import Any

BACKBONES = {
    "0.6B": (1024, 28, 16, 3072, True),
    "1.7B": (2048, 28, 16, 6144, True),
    "4B": (2560, 36, 32, 9728, True),
    "8B": (4096, 36, 32, 12288, False),
}
"""Qwen3's, as published: hidden size, layers, heads, MLP width, and whether the tables are one."""


def config_of(name: str) -> dict[str, Any]:
    """The ``config.json`` of one backbone, its weights of 4 bits."""
    hidden, layers, heads, mlp, tied = BACKBONES[name]
    return {
        "model_type": "qwen3",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": mlp,
        "vocab_size": 151_936,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "max_position_embeddings": 40_960,
        "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16",
        "quantization": {"group_size": 64, "bits": 4},
    }
