"""Every family: what is done to a twin is done to the twin alone, and to all of it."""

from __future__ import annotations

import mlx.core as mx
import pytest

from shadow_mlx.backbones.twin import twin
from tests.architectures.matrix import BY_NAME, LENGTH, build, difference, perturb, tokens


@pytest.mark.parametrize("name", BY_NAME)
def test_a_twin_computes_with_its_own_arrays(name: str) -> None:
    config = BY_NAME[name].config
    model, inputs = build(config), tokens(LENGTH)
    before = model(inputs)
    other = twin(model)
    assert mx.array_equal(other(inputs), before)
    perturb(other, seed=7, scale=0.2)
    fresh = build(config)
    fresh.update(other.parameters())
    assert mx.array_equal(other(inputs), fresh(inputs))
    assert mx.array_equal(model(inputs), before)
    assert difference(other(inputs), before) > 1e-3
