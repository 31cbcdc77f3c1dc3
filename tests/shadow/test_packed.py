"""The packed form computes equations 2 to 7 too, in fewer operations, and only where it may."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_map

from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.modules import ShadowLayer
from tests.shadow.test_modules import ALPHA, mlp, states, wide
from tests.shadow.test_modules import layer as fresh_layer
from tests.shadow.tiny_models import attached, backbone, difference, tokens

TOLERANCE = {mx.float32: 1e-5, mx.float16: 1e-2, mx.bfloat16: 6e-2}


def packed_layer(dtype: mx.Dtype = mx.float32) -> ShadowLayer:
    made = fresh_layer().eval()
    made.pack(dtype)
    return made


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_it_is_equations_2_to_7(dtype: mx.Dtype) -> None:
    made = packed_layer(dtype)
    h, s = states(dtype=dtype)
    assert made.packed_injection is not None
    assert made.packed_update is not None
    correction = (wide(h) - wide(s)) @ wide(made.down.weight).T @ wide(made.up.weight).T  # (2, 3)
    found = made.packed_injection(h, s)
    assert found.dtype == dtype
    bound = TOLERANCE[dtype]
    np.testing.assert_allclose(wide(found), wide(h) + ALPHA * correction, rtol=bound, atol=bound)
    gate = 1 / (1 + np.exp(-mlp(made.gate, wide(h))))  # (6)
    expected = (1 - gate) * wide(s) + gate * mlp(made.transform, wide(h))  # (5, 7)
    found = made.packed_update(h, s)
    assert found.dtype == dtype
    np.testing.assert_allclose(wide(found), expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_a_gate_far_open_or_shut_is_a_number(dtype: mx.Dtype) -> None:
    made = fresh_layer().eval()
    made.gate.second.bias = mx.array([-3e4, 3e4] * 6)
    made.pack(dtype)
    h, s = states(dtype=dtype)
    found = wide(made.advance(h, s))
    candidate = mlp(made.transform, wide(h))
    expected = np.where(np.arange(12) % 2, candidate, wide(s))
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("sharing", ["update", "depth", "layer"])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_a_packed_model_answers_as_before(sharing: str, dtype: mx.Dtype) -> None:
    model = attached(backbone(dtype), sharing=sharing)
    rows = mx.concatenate([tokens(9), tokens(9, seed=1)])
    expected = model(rows)
    model.pack()
    assert model.packed_bytes > 0
    found = model(rows)
    assert found.dtype == expected.dtype
    assert difference(found, expected) < TOLERANCE[dtype]
    assert not mx.array_equal(found, expected) or dtype != mx.float32  # it was computed otherwise


def test_one_product_and_one_cached_token_are_the_same() -> None:
    model = attached()
    model.pack()
    cache, text = model.make_cache(), tokens(7)
    steps = [model(text[:, i : i + 1], cache=cache) for i in range(7)]
    assert difference(mx.concatenate(steps, axis=1), model(text)) < 1e-5


def test_changed_weights_and_training_go_by_the_weights() -> None:
    model = attached(dropout=0.5)
    text = tokens(5)
    model.pack()
    before = model(text)
    layers = model.shadow.layers
    layers[1].up.weight = 2 * layers[1].up.weight
    changed = model(text)
    assert difference(changed, before) > 1e-4
    model.shadow.update(tree_map(lambda value: value + 0.1, model.shadow.parameters()))
    expected, other = model(text), attached(dropout=0.5)
    other.shadow.update(model.shadow.parameters())
    assert mx.array_equal(expected, other(text))
    model.pack()
    model.train()
    assert difference(model(text), expected) > 1e-4  # dropout


def test_gradients_are_those_of_the_weights() -> None:
    model = attached()

    def loss(parameters: Any) -> mx.array:
        kept = model.shadow.trainable_parameters()
        model.shadow.update(parameters)
        value = model(tokens(5)).square().mean()
        model.shadow.update(kept)
        return value

    expected = mx.grad(loss)(model.shadow.trainable_parameters())
    model.pack()
    found = mx.grad(loss)(model.shadow.trainable_parameters())
    up = [layers["up"]["weight"] for layers in (found["layers"][1], expected["layers"][1])]
    assert mx.array_equal(*up)
    assert mx.abs(up[0]).max() > 0


def test_a_block_adds_eight_operations() -> None:
    """To decode one token; as it is written down, it adds more than four times as many."""
    model = attached(sharing="update")
    plain = added(model)
    model.pack()
    blocks = len(model.layers)
    assert added(model) == 3 * blocks + 5 * (blocks - 1)  # the last state is not computed
    assert plain > 4 * added(model)


def added(model: AttachedModel) -> int:
    """Operations of a pass over one token, but for the backbone's and the shadow network's."""
    token, state = tokens(1), mx.zeros((1, 1, 64))
    mx.eval(token, state)
    whole, _ = model.hidden(token, s0=state)
    alone = model.decoder.final_hidden(token)
    return sum(primitives(whole).values()) - sum(primitives(alone).values())


def primitives(array: mx.array) -> Counter[str]:
    """The names of the operations that an array waits for, and how many of each."""
    drawn = io.StringIO()
    mx.export_to_dot(drawn, array)
    return Counter(re.findall(r'label ?="([^"]*)", shape=rectangle', drawn.getvalue()))
