"""Coefficients are clipped once, and the model stays the same function."""

from __future__ import annotations

import mlx.core as mx
import pytest

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.settling import settle
from tests.architectures.matrix import BY_NAME, build, logits_of, tokens

pytestmark = pytest.mark.usefixtures("uncompiled")


def test_clipped_once_is_clipped_at_every_call() -> None:
    inputs, config = tokens(9), BY_NAME["gemma3n"].config
    model, settled = build(config), build(config)
    decoder = find_decoder(settled)
    for one in (model, settled):
        for block in find_decoder(one).blocks:
            block.altup.prediction_coefs.weight = 2000 * block.altup.prediction_coefs.weight
    settle(decoder)
    assert decoder.blocks[0].altup.config.altup_coef_clip is None
    weight = decoder.blocks[0].altup.prediction_coefs.weight
    assert mx.abs(weight).max().item() == 120
    expected = logits_of(model, inputs)
    assert mx.array_equal(logits_of(settled, inputs), expected)
    assert mx.array_equal(decoder.blocks[0].altup.prediction_coefs.weight, weight)


def test_others_are_left_alone() -> None:
    model = build(BY_NAME["llama"].config)
    before = model.layers[0].mlp.up_proj.weight
    settle(find_decoder(model))
    assert model.layers[0].mlp.up_proj.weight is before
