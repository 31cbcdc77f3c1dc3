"""Sums of gradients beside those of mlx-lm; what they come to is tested with real processes."""

from __future__ import annotations

import mlx.core as mx
import pytest

from shadow_mlx.backbones import whole_gradients
from shadow_mlx.backbones.pretending import Machines, pretended
from shadow_mlx.backbones.sharding import split
from tests.architectures.matrix import BY_NAME, build, tokens

LATENT, ROPE, LENGTH = 16, 8, 5


@pytest.mark.parametrize(
    ("family", "widths"),
    [
        ("deepseek_v3", [LATENT + ROPE]),
        ("deepseek_v2", [ROPE]),  # a split matrix behind the latent part sums its own
        ("minimax", [1, 1]),  # the sizes that queries and keys are divided by
        ("llama", []),
    ],
)
def test_what_is_summed_in_one_block(family, widths, monkeypatch):
    model = build(BY_NAME[family].config)
    split(model, Machines(2), family)
    shapes = []

    def noted(group):
        return lambda x: shapes.append(x.shape) or x

    with pretended(Machines(2)):
        monkeypatch.setattr(whole_gradients, "sum_gradients", noted)
        states = model.model.embed_tokens(tokens(LENGTH))
        model.layers[0](states, mx.ones((LENGTH, LENGTH), mx.bool_), None)
    assert shapes == [(1, LENGTH, width) for width in widths]
