"""A shadow's network with a table of its own, in every architecture."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError, UnsupportedArchitectureError
from shadow_mlx.shadow.attached import attach
from shadow_mlx.shadow.carried import carried, carried_config, check_carried, said_head
from shadow_mlx.shadow.explicit import build_explicit
from shadow_mlx.shadow.projection import head_matrix
from tests.architectures.matrix import BY_NAME, build
from tests.shadow.tiny_models import VOCABULARY, attached, backbone, stir, tokens


@pytest.mark.parametrize("width", [None, 32])
@pytest.mark.parametrize("bits", [None, 4])
@pytest.mark.parametrize("rows", [VOCABULARY, 50, 80])
def test_its_states_are_those_of_the_shadow(width: int | None, bits: int | None, rows: int) -> None:
    model = backbone()
    if bits:
        nn.quantize(model, 32, bits)
    shadow = attached(model, shadow_layers=1, shadow_hidden_size=width).shadow.backbone
    network = carried(shadow, rows)
    known = tokens(9) % 50
    expected = np.array(shadow.decoder.final_hidden(known))
    np.testing.assert_allclose(network.decoder.final_hidden(known), expected, rtol=0, atol=1e-5)
    table = network.decoder.embedding.weight
    assert table.shape == (rows, width or 64)
    if rows > VOCABULARY:
        assert not mx.any(table[VOCABULARY:]).item()
    check_carried(shadow, network, 50)
    again = build_explicit(network.model_config)
    assert network.caches == again.caches == 1
    shapes = [
        {name: value.shape for name, value in tree_flatten(one.decoder.inner.parameters())}
        for one in (network, again)
    ]
    assert shapes[0] == shapes[1]


READS_MORE = {"gemma3n", "gemma4_text"}


@pytest.mark.parametrize("name", sorted(READS_MORE))
def test_what_reads_more_of_its_backbone_than_a_table_stays_there(name: str) -> None:
    config = BY_NAME[name].config
    model = attach(build(config), config, ShadowConfig(rank=4, shadow_layers=1))
    with pytest.raises(UnsupportedArchitectureError, match="more of it than one table"):
        carried(model.shadow.backbone, 96)


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - READS_MORE))
def test_every_other_architecture_can_be_carried(name: str) -> None:
    config = BY_NAME[name].config
    try:
        model = attach(build(config), config, ShadowConfig(rank=4, shadow_layers=1))
    except ConfigError:  # its mirror needs more layers
        model = attach(build(config), config, ShadowConfig(rank=4, shadow_layers=3))
    stir(model.shadow.eval(), 0.05)
    rows = int(model.decoder.embedding.weight.shape[0])
    network = carried(model.shadow.backbone, rows)
    check_carried(model.shadow.backbone, network, rows)


def test_the_head_is_that_of_the_backbone_behind_the_shadows_projection() -> None:
    model = attached(backbone(tie_word_embeddings=False), shadow_layers=1, shadow_hidden_size=32)
    shadow = model.shadow.backbone
    head = said_head(shadow, model.decoder, 40)
    assert head.shape == (40, 32)
    states = shadow.decoder.final_hidden(tokens(5))
    logits = np.array(model.detached()(tokens(5)))[..., :40]
    np.testing.assert_allclose(np.array(states) @ head.T, logits, rtol=0, atol=1e-4)
    wide = attached(shadow_layers=1)
    np.testing.assert_array_equal(
        said_head(wide.shadow.backbone, wide.decoder, 64), head_matrix(wide.decoder)
    )


def test_a_network_with_other_states_is_refused() -> None:
    shadow = attached(shadow_layers=1).shadow.backbone
    network = carried(shadow, VOCABULARY)
    inner: Any = network.decoder.inner
    inner.norm.weight = inner.norm.weight * 1.01
    with pytest.raises(UnsupportedArchitectureError, match="something else"):
        check_carried(shadow, network, VOCABULARY)


def test_an_architecture_that_is_code_of_its_own_stays_where_it_is() -> None:
    shadow = attached(shadow_layers=1).shadow.backbone
    shadow.model_config = {**shadow.model_config, "model_file": "own.py"}
    with pytest.raises(UnsupportedArchitectureError, match=r"own\.py"):
        carried(shadow, VOCABULARY)


def test_a_part_for_text_names_its_tokens_too() -> None:
    found = carried_config({"model_type": "x", "text_config": {"vocab_size": 9}}, 2, 12)
    assert found["text_config"]["vocab_size"] == 12
    assert "vocab_size" not in found
