"""Weights quantized, dequantized, and recorded as mlx-lm reads them."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from shadow_mlx.export.quantizing import dequantized, quantized, recorded
from tests.shadow.tiny_models import backbone, difference, tokens


def test_plain_weights_are_those_that_the_quantized_ones_stand_for() -> None:
    model = backbone(tie_word_embeddings=False)
    nn.quantize(model, 32, 8)
    expected = model(tokens(9))
    row = model.model.embed_tokens(mx.array([7]))
    dequantized(model)
    assert recorded(model) == {}
    assert type(model.lm_head) is nn.Linear
    np.testing.assert_array_equal(model.model.embed_tokens(mx.array([7])), row)
    assert difference(model(tokens(9)), expected) < 1e-5


def test_what_does_not_divide_into_groups_stays_plain() -> None:
    model = backbone(intermediate_size=48)
    quantized(model, 4, 32)
    found = recorded(model)["quantization"]
    assert found == {"group_size": 32, "bits": 4, "mode": "affine"}
    assert "scales" in model.model.embed_tokens
    assert "scales" not in model.layers[0].mlp.down_proj  # 48 in


def test_what_has_other_bits_is_named() -> None:
    model = backbone(tie_word_embeddings=False)
    model.lm_head = model.lm_head.to_quantized(32, 8)
    quantized(model, 4, 32)
    found = recorded(model)
    assert found["quantization"]["bits"] == 4
    assert found["quantization"]["lm_head"]["bits"] == 8
    assert found["quantization_config"] == found["quantization"]
