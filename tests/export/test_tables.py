"""Products and dequantized tables, against float64."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from shadow_mlx.export import tables
from tests.shadow.tiny_models import attached, backbone


def test_a_product_of_many_rows() -> None:
    matrix = mx.random.normal((2 * 4096 + 3, 8), key=mx.random.key(0))
    factor = mx.random.normal((8, 5), key=mx.random.key(1))
    found = tables.multiplied(matrix, factor, mx.float32)
    expected = np.array(matrix, np.float64) @ np.array(factor, np.float64)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert tables.multiplied(matrix, factor, mx.bfloat16).dtype == mx.bfloat16


def test_folding_is_what_the_detached_model_does() -> None:
    detached = attached(shadow_layers=1, shadow_hidden_size=32).detached()
    narrowing = tables.narrowing(detached)
    assert narrowing is not None
    table = np.array(tables.dense(tables.table(detached)), np.float64)
    ids = mx.array([[3, 5]])
    np.testing.assert_allclose(
        detached.shadow.decoder.embedding(ids)[0],
        (table @ np.array(narrowing, np.float64).T)[[3, 5]],
        atol=1e-6,
    )
    projection = np.array(detached.shadow.projection.weight, np.float64)
    states = mx.random.normal((3, 32), key=mx.random.key(0))
    np.testing.assert_allclose(
        detached.head(states @ detached.shadow.projection.weight.T),
        np.array(states, np.float64) @ (table @ projection).T,
        atol=1e-5,
    )


def test_a_quantized_table_is_dense_as_its_lookup_is() -> None:
    model = backbone()
    nn.quantize(model, 32, 4)
    table = model.model.embed_tokens
    rows = table.weight.shape[0]
    np.testing.assert_array_equal(tables.dense(table), table(mx.arange(rows)))


def test_heads_by_their_path() -> None:
    assert tables.head_modules(attached().detached()) == {}
    untied = attached(backbone(tie_word_embeddings=False)).detached()
    assert [*tables.head_modules(untied)] == ["lm_head"]
    assert tables.narrowing(untied) is None
