"""The head is whatever the model's own code does after its decoder."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.head import HeadView
from tests.shadow.tiny_models import backbone, difference, tokens

HEADS: dict[str, dict[str, Any]] = {
    "tied": {},
    "untied": {"tie_word_embeddings": False},
    "soft-cap (Gemma 2)": {"model_type": "gemma2", "query_pre_attn_scalar": 16.0},
    "scale (Cohere)": {"model_type": "cohere", "logit_scale": 0.25},
    "scale (Granite)": {
        "model_type": "granite",
        "logits_scaling": 8.0,
        "attention_multiplier": 0.25,
        "embedding_multiplier": 12.0,
        "residual_multiplier": 0.2,
        "attention_bias": False,
        "mlp_bias": False,
    },
    "inside the decoder (GPT-NeoX)": {
        "model_type": "gpt_neox",
        "layer_norm_eps": 1e-5,
        "rotary_emb_base": 10000,
        "rotary_pct": 1,
    },
    "of the decoder's own table (Lille)": {
        "model_type": "lille-130m",
        "block_size": 64,
        "layer_norm_eps": 1e-5,
        "n_embd": 64,
        "n_head": 4,
        "n_kv_heads": 2,
        "n_layer": 3,
    },
    "looks at its input (Mamba)": {
        "model_type": "mamba",
        "state_size": 4,
        "conv_kernel": 4,
        "use_bias": False,
        "use_conv_bias": True,
        "time_step_rank": 4,
    },
}


@pytest.mark.parametrize("changes", HEADS.values(), ids=HEADS)
def test_head_of_final_hidden_is_the_model(changes: dict[str, Any]) -> None:
    model = backbone(**changes)
    decoder, inputs = find_decoder(model), tokens(6)
    hidden, logits = decoder.final_hidden(inputs), model(inputs)
    head = HeadView(decoder)
    assert hidden.shape == (1, 6, 64)
    assert mx.array_equal(head(hidden), logits)
    assert difference(head(hidden[0]), logits[0]) < 1e-6  # chunks of positions
    assert difference(head(hidden[0, 2]), logits[0, 2]) < 1e-6


def test_a_quantized_tied_head_stays_quantized_and_is_not_copied() -> None:
    model = backbone()
    nn.quantize(model, group_size=32, bits=4)
    decoder = find_decoder(model)
    head = HeadView(decoder)
    assert mx.array_equal(head(decoder.final_hidden(tokens(4))), model(tokens(4)))
    assert tree_flatten(head.parameters()) == []  # the table is the decoder's alone


def test_an_untied_head_is_the_models_own_array() -> None:
    model = backbone(tie_word_embeddings=False)
    head = HeadView(find_decoder(model))
    (shared,) = [value for _, value in tree_flatten(head.parameters())]
    assert shared is model.lm_head.weight
