"""What blocks hand on: taken apart and put together again, with other arrays in it or without."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from shadow_mlx.backbones.decoder import Passed, find_decoder
from shadow_mlx.backbones.handing import (
    Others,
    active_stream,
    apart,
    hidden_and_rest,
    hidden_of,
    number_along,
    real_arrays,
    together,
    with_arrays,
    with_hidden,
)
from shadow_mlx.errors import UnsupportedArchitectureError
from tests.architectures.matrix import BY_NAME, build

STATE = mx.arange(24.0).reshape(1, 3, 8)


def test_the_state_comes_first_by_place_or_by_name() -> None:
    assert hidden_and_rest((1, 2, 3), {"cache": 4}) == (1, (2, 3))
    named = {"hidden_states": 1, "cache": 4}
    assert hidden_and_rest((), named) == (1, ())
    assert named == {"cache": 4}


@pytest.mark.parametrize("returned", [STATE, (STATE, (STATE, None), 0), (STATE, None)])
def test_what_is_taken_apart_is_put_together_again(returned: Any) -> None:
    state, along = apart(returned)
    assert state is STATE
    assert together(state, along) == returned if along else together(state, along) is returned


def test_what_rides_along_is_made_of_arrays() -> None:
    with pytest.raises(UnsupportedArchitectureError, match="a SimpleNamespace beside the hidden"):
        apart((STATE, SimpleNamespace(raw=STATE)))


def test_of_several_streams_the_active_one_is_the_hidden_state() -> None:
    block = nn.Identity()
    assert active_stream(block) is None
    block.config = SimpleNamespace(altup_active_idx=1)
    assert active_stream(block) == 1
    streams = mx.stack([STATE, STATE + 1, STATE + 2])
    assert mx.array_equal(hidden_of(streams, 1), STATE + 1)
    changed = with_hidden(streams, 1, STATE + 7)
    assert mx.array_equal(changed, mx.stack([STATE, STATE + 7, STATE + 2]))
    assert hidden_of(STATE, None) is STATE
    assert with_hidden(STATE, None, streams) is streams


def test_arrays_are_exchanged_where_gradients_go_and_nowhere_else() -> None:
    numbers = mx.array([1, 2])
    tree = ({"kv": (STATE, STATE + 1), "offset": 0, "ids": numbers}, None, "causal", STATE)
    assert len(real_arrays(tree)) == 3
    first, *rest = with_arrays(tree, [STATE * 2, STATE * 3, STATE * 4])
    assert mx.array_equal(first["kv"][1], STATE * 3)
    assert first["ids"] is numbers
    assert rest[:2] == [None, "causal"]
    assert mx.array_equal(rest[2], STATE * 4)


def test_caches_of_a_pass_are_exchanged_with_what_they_hold() -> None:
    """Their blocks may be computed twice, and later ones read what the first time gave."""
    filled, empty, real = Passed((STATE, STATE + 1)), Passed(), object()
    others = Others((None, empty), {"shared": filled, "cache": real, "x": STATE})
    assert len(others.arrays()) == 3
    copy = others.holding([STATE + 5, STATE + 6, STATE + 7])
    assert copy.kwargs["cache"] is real
    assert mx.array_equal(copy.kwargs["x"], STATE + 5)
    assert mx.array_equal(copy.kwargs["shared"].keys_and_values()[1], STATE + 7)
    copy.rest[1].update_and_fetch(STATE, STATE + 2)
    assert empty.held == ()
    others.pass_on(copy.passed())
    assert mx.array_equal(empty.held[1], STATE + 2)
    assert mx.array_equal(filled.held[0], STATE + 6)


@pytest.mark.parametrize(
    ("name", "along"),
    [("llama", 0), ("hunyuan", 1), ("rwkv7", 1), ("gemma4_text", 2), ("gemma3n", 0)],
)
def test_how_many_values_ride_along_is_found_by_asking(
    name: str, along: int, uncompiled: None
) -> None:
    decoder = find_decoder(build(BY_NAME[name].config))
    before = decoder.blocks
    assert number_along(decoder) == along
    assert all(a is b for a, b in zip(decoder.blocks, before, strict=True))
