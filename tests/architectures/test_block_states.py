"""Every family: the state behind a block is what a model of the blocks up to there would say."""

from __future__ import annotations

import mlx.core as mx
import pytest

from shadow_mlx.backbones.block_states import states_behind
from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.shadow.first_blocks import first_blocks
from tests.architectures.matrix import (
    BY_NAME,
    LENGTH,
    TOLERANCE,
    attach_tiny,
    build,
    difference,
    perturb,
    tokens,
)
from tests.architectures.test_mirror import LEAST


@pytest.mark.parametrize("name", BY_NAME)
def test_states_are_those_of_a_shorter_model(name: str) -> None:
    config, inputs = BY_NAME[name].config, tokens(LENGTH)
    whole = find_decoder(build(config))
    count = len(whole.blocks)
    final, *found = states_behind(whole, inputs, range(1, count + 1))
    assert mx.array_equal(final, found[-1])
    for number in range(LEAST.get(name, 1), count):
        shorter, _ = first_blocks(build(config), number)
        expected = shorter.final_hidden(inputs)
        assert difference(found[number - 1], expected) < TOLERANCE, number


@pytest.mark.parametrize("name", BY_NAME)
def test_they_are_there_with_a_shadow_too(name: str) -> None:
    family = BY_NAME[name]
    model = attach_tiny(family, build(family.config))
    perturb(model.shadow, seed=2, scale=0.2)
    model.eval()
    inputs = tokens(LENGTH)
    final, first = model.states(inputs, (1,))
    assert difference(final, model.hidden(inputs)[0]) < TOLERANCE
    bare = states_behind(model.decoder, inputs, (1,))[1]
    assert bool(mx.isfinite(first).all())
    assert difference(first, bare) > TOLERANCE
