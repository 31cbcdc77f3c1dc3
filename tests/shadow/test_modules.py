"""Equations 2 to 7 against NumPy in float64, and what the modules promise around them."""

from __future__ import annotations

import math

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.backbones.reference import Reference
from shadow_mlx.shadow.modules import ShadowLayer
from tests.shadow.tiny_models import stir

D, RANK, UPDATE, ALPHA = 12, 3, 5, 0.7
Floats = np.ndarray  # float64

_erf = np.vectorize(math.erf)


def layer(dropout: float = 0.0) -> ShadowLayer:
    made = ShadowLayer(D, RANK, UPDATE, ALPHA, dropout)
    stir(made, 0.5)
    return made


def states(seed: int = 0, dtype: mx.Dtype = mx.float32) -> tuple[mx.array, mx.array]:
    """``h`` and ``s`` ``[2, 3, D]``."""
    keys = mx.random.split(mx.random.key(seed))
    h, s = (mx.random.normal((2, 3, D), key=key).astype(dtype) for key in keys)
    return h, s


def wide(value: mx.array) -> Floats:
    return np.array(value.astype(mx.float32)).astype(np.float64)


def mlp(module: nn.Module, h: Floats) -> Floats:
    """``D → u → D`` with the exact GELU."""
    inner = h @ wide(module.first.weight).T + wide(module.first.bias)
    inner = 0.5 * inner * (1 + _erf(inner / math.sqrt(2)))
    return inner @ wide(module.second.weight).T + wide(module.second.bias)


def test_inject_is_equations_2_to_4() -> None:
    made = layer()
    h, s = states()
    delta = wide(h) - wide(s)  # (2)
    correction = delta @ wide(made.down.weight).T @ wide(made.up.weight).T  # (3)
    expected = wide(h) + ALPHA * correction  # (4)
    np.testing.assert_allclose(wide(made.inject(h, s)), expected, rtol=1e-5, atol=1e-6)


def test_advance_is_equations_5_to_7() -> None:
    made = layer()
    h_out, s = states(1)
    candidate = mlp(made.transform, wide(h_out))  # (5)
    gate = 1 / (1 + np.exp(-mlp(made.gate, wide(h_out))))  # (6)
    expected = (1 - gate) * wide(s) + gate * candidate  # (7)
    np.testing.assert_allclose(wide(made.advance(h_out, s)), expected, rtol=1e-5, atol=1e-6)


def test_a_fresh_layer_injects_nothing() -> None:
    h, s = states()
    assert mx.array_equal(ShadowLayer(D, RANK, UPDATE, ALPHA, 0.0).inject(h, s), h)


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16, mx.float32])
def test_the_stream_keeps_its_dtype_and_the_weights_theirs(dtype: mx.Dtype) -> None:
    made = layer()
    h, s = states(dtype=dtype)
    assert made.inject(h, s).dtype == dtype
    assert made.advance(h, s).dtype == dtype
    assert {value.dtype for _, value in tree_flatten(made.parameters())} == {mx.float32}


def test_dropout_is_on_the_discrepancy_in_training_only() -> None:
    made = layer(dropout=0.5)
    h, s = states()
    made.eval()
    assert made.dropout_key() is None
    undropped = made.inject(h, s)
    assert mx.array_equal(undropped, made.inject(h, s))
    made.train()
    key = mx.random.key(4)
    kept = wide(mx.random.bernoulli(0.5, h.shape, key=key))
    delta = (wide(h) - wide(s)) * kept / 0.5
    expected = wide(h) + ALPHA * (delta @ wide(made.down.weight).T @ wide(made.up.weight).T)
    np.testing.assert_allclose(wide(made.inject(h, s, key)), expected, rtol=1e-5, atol=1e-6)


def test_a_reference_is_in_no_tree() -> None:
    class Holder(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.held = Reference(module)

    made = layer()
    assert Holder(made).held.module is made
    assert tree_flatten(Holder(made).parameters()) == []
