"""Masks in blocks, what stands in for caches, and the trial that tells who keeps to them."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.base import create_attention_mask, create_causal_mask
from mlx_lm.models.cache import ArraysCache, CacheList, KVCache

from shadow_mlx.backbones.shared_rows import (
    BlockMasks,
    RowCache,
    check_shared_rows,
    positions_alike,
    shared_row_caches,
)
from shadow_mlx.errors import UnsupportedArchitectureError

LENGTHS = (3, 5, 2)
STARTS = mx.array([[0] * 3 + [3] * 5 + [8] * 2, [0] * 2 + [2] * 3 + [5] * 5])


class WithCaches:
    """A model as far as its caches are asked for."""

    def __init__(self, *caches):
        self.caches = caches

    def make_cache(self):
        return list(self.caches)


@pytest.mark.parametrize("window", [None, 2, 4])
def test_each_block_of_a_mask_is_the_causal_mask_of_its_example(window):
    hidden = mx.zeros((2, 10, 4))
    mask = create_attention_mask(hidden, RowCache(BlockMasks(STARTS)), window_size=window)
    assert mask.shape == (2, 1, 10, 10)
    seen = np.array(mask)[:, 0]
    for row, lengths in enumerate([(3, 5, 2), (2, 3, 5)]):
        begin, expected = 0, np.zeros((10, 10), bool)
        for n in lengths:
            own = create_causal_mask(n, window_size=window)
            expected[begin : begin + n, begin : begin + n] = np.array(own)
            begin += n
        assert (seen[row] == expected).all()


def test_one_mask_serves_all_layers_and_nothing_is_kept_of_keys_but_the_last():
    first, second = shared_row_caches(WithCaches(KVCache(), KVCache()), STARTS)
    assert first.make_mask(10) is second.make_mask(10, return_array=True)
    assert first.make_mask(10, window_size=2) is not second.make_mask(10)
    keys, values = mx.ones((2, 1, 10, 4)), mx.zeros((2, 1, 10, 4))
    for _ in range(2):
        assert first.update_and_fetch(keys, values) == (keys, values)
        assert first.offset == 0


def test_rows_of_one_example_need_nothing():
    assert shared_row_caches(WithCaches(ArraysCache(2)), None) is None
    assert shared_row_caches(WithCaches(ArraysCache(2)), mx.zeros((0, 0), mx.int32)) is None


def test_lists_of_caches_are_lists_of_stand_ins_and_states_are_refused():
    (made,) = shared_row_caches(WithCaches(CacheList(KVCache(), KVCache())), STARTS)
    assert [type(one) for one in made.caches] == [RowCache, RowCache]
    for model in (WithCaches(KVCache(), ArraysCache(2)), WithCaches(CacheList(ArraysCache(2)))):
        with pytest.raises(UnsupportedArchitectureError, match="from one example into the next"):
            shared_row_caches(model, STARTS)


def averages(inputs, starts, *, placed=0.0, leaking=False):
    """Of each token and those before it in its example; a model of few parts."""
    width = inputs.shape[1]
    if starts is None or leaking:
        seen = create_causal_mask(width)[None]
    else:
        seen = BlockMasks(starts).mask(None)[:, 0]
    seen = seen.astype(mx.float32)
    states = mx.sin(inputs.astype(mx.float32))[..., None] + placed * mx.arange(width)[:, None]
    return (seen @ states) / seen.sum(-1, keepdims=True)


def test_the_trial_finds_what_leaks_and_what_sees_its_place():
    check_shared_rows(averages)
    check_shared_rows(partial(averages, placed=1e-6))
    for wrong in ({"leaking": True}, {"placed": 0.1}):
        with pytest.raises(UnsupportedArchitectureError, match="another place in the row"):
            check_shared_rows(partial(averages, **wrong))


def test_the_trial_says_what_cannot_be_called():
    def states(inputs, starts):
        if starts is None:
            return inputs.astype(mx.float32)[..., None]
        raise ValueError("shapes")

    with pytest.raises(UnsupportedArchitectureError, match=r"mask for each row \(shapes\)"):
        check_shared_rows(states)


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        ({"llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 64}, 64),
        ({"original_max_position_embeddings": 64}, None),
        (None, None),
    ],
)
def test_sharper_attention_says_up_to_where_positions_are_alike(rope, expected):
    decoder = SimpleNamespace(name="ministral3", arguments={"rope_parameters": rope})
    assert positions_alike(decoder) == expected


def test_a_norm_behind_the_rotation_leaves_no_position_alike():
    assert positions_alike(SimpleNamespace(name="hunyuan_v1_dense")) == 0
    with pytest.raises(UnsupportedArchitectureError, match="after it has rotated"):
        check_shared_rows(averages, 0)
