"""Targets of hidden states: which pairs are meant, and their distance against float64."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.training.hidden_states import (
    NO_TARGETS,
    HiddenTargets,
    even_blocks,
    hidden_distance,
    hidden_targets,
)

GENERATOR = np.random.default_rng(0)
STATES, TAUGHT = GENERATOR.normal(size=(2, 3, 5, 7))  # [pair, position, width] each
WEIGHTS = np.array([1.0, 1.0, 0.0, 1.0, 0.0])


def test_the_distance_is_relative_and_skips_padding() -> None:
    taught = mx.array([[3.0, 4.0], [1.0, 0.0], [9.0, 9.0]])
    state = mx.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    weights = mx.array([1.0, 1.0, 0.0])
    assert hidden_distance(state, taught, weights).item() == pytest.approx(1 + 4, rel=1e-5)


def test_several_pairs_count_as_their_mean_and_so_do_their_gradients() -> None:
    targets = HiddenTargets(0.5, (1, 2, 3), (2, 4, 6))
    taught, weights = [mx.array(one, mx.float32) for one in TAUGHT], mx.array(WEIGHTS, mx.float32)

    def apart(states: mx.array) -> mx.array:
        return targets.distance([*states], taught, weights)

    found, gradient = mx.value_and_grad(apart)(mx.array(STATES, mx.float32))
    sizes = (TAUGHT**2).sum(-1)
    each = ((STATES - TAUGHT) ** 2).sum(-1) / sizes * WEIGHTS
    assert found.item() == pytest.approx(each.sum() / 3, rel=1e-5)
    expected = 2 * (STATES - TAUGHT) * (WEIGHTS / sizes)[..., None] / 3
    np.testing.assert_allclose(np.array(gradient), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("hidden_blocks", "layers", "expected"),
    [
        ("last", 3, ((3,), (12,))),
        ("even", 3, ((1, 2, 3), (4, 8, 12))),
        ("even", 1, ((1,), (12,))),
        ("12, 1,5", 3, ((1, 2, 3), (12, 1, 5))),
        ("7", 1, ((1,), (7,))),
    ],
)
def test_which_pairs_are_meant(hidden_blocks: str, layers: int, expected: tuple) -> None:
    config = TrainConfig(hidden_weight=0.5, hidden_blocks=hidden_blocks)
    assert hidden_targets(config, layers=layers, blocks=12) == HiddenTargets(0.5, *expected)


def test_without_a_weight_nothing_is_pulled() -> None:
    assert hidden_targets(TrainConfig(), layers=2, blocks=4) == NO_TARGETS
    assert not NO_TARGETS


@pytest.mark.parametrize("layers", range(1, 9))
@pytest.mark.parametrize("blocks", [1, 2, 5, 8, 30])
def test_even_strides_end_with_the_last_block(layers: int, blocks: int) -> None:
    found = even_blocks(layers, blocks)
    assert len(found) == layers
    assert list(found) == sorted(found)
    assert found[-1] == blocks
    assert min(found) >= 1


@pytest.mark.parametrize(
    ("hidden_blocks", "message"),
    [
        ("4,8", "one block for each layer of the shadow, which has 3; found 2"),
        ("4,8,13", "the blocks 1 to 12; there is no block 13"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(hidden_blocks: str, message: str) -> None:
    config = TrainConfig(hidden_weight=0.5, hidden_blocks=hidden_blocks)
    with pytest.raises(ConfigError, match=message):
        hidden_targets(config, layers=3, blocks=12)


@pytest.mark.parametrize("hidden_blocks", ["0,4", "first", "4,,8", "-1", "", "4.5", "²", "9" * 30])
def test_what_is_no_block_is_refused(hidden_blocks: str) -> None:
    with pytest.raises(ConfigError, match="--hidden-blocks: expected last, even, or numbers"):
        TrainConfig(hidden_weight=0.5, hidden_blocks=hidden_blocks)


def test_blocks_that_nothing_is_pulled_to_are_refused() -> None:
    with pytest.raises(ConfigError, match="--hidden-blocks: nothing is pulled to them"):
        TrainConfig(hidden_blocks="even")
