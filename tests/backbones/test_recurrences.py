"""Recurrences with a gradient: mlx-lm's loops to float error, and only while a step is traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models import gated_delta, rwkv7

from shadow_mlx.backbones import recurrences
from shadow_mlx.backbones.recurrences import CHUNK, delta_rule, with_gradients
from tests.architectures.matrix import BY_NAME, LENGTH, attach_tiny, build, tokens

pytestmark = pytest.mark.usefixtures("uncompiled")
ROWS, KEY_HEADS, HEADS, KEYS, VALUES = 2, 2, 4, 8, 6
ONE_A_HEAD, ONE_A_CHANNEL = (), (KEYS,)


def arguments(length: int, gates: tuple[int, ...], strength: float = 1.0) -> list[mx.array]:
    """Queries, keys, values, gates, betas up to ``strength``, and a state to begin with."""
    key = iter(mx.random.split(mx.random.key(length), 6))
    q, k = (mx.random.normal((ROWS, length, KEY_HEADS, KEYS), key=next(key)) for _ in range(2))
    q, k = gated_delta.normalize_qk(q, k, inv_scale=KEYS**-0.5, eps=1e-6)
    return [
        q,
        k,
        mx.random.normal((ROWS, length, HEADS, VALUES), key=next(key)),
        mx.random.uniform(0.5, 1, (ROWS, length, HEADS, *gates), key=next(key)),
        mx.random.uniform(0, strength, (ROWS, length, HEADS), key=next(key)),
        mx.random.normal((ROWS, HEADS, VALUES, KEYS), key=next(key)),
    ]


def gradients(rule: Callable[..., Any], given: list[mx.array]) -> list[mx.array]:
    def size(*arrays: mx.array) -> mx.array:
        y, state = rule(*arrays)
        return mx.square(y).sum() + mx.square(state).sum()

    found: list[mx.array] = mx.grad(size, argnums=list(range(len(given))))(*given)
    return found


def close(found: mx.array, expected: mx.array, tolerance: float = 5e-6) -> bool:
    expected = expected.astype(mx.float32)
    apart = mx.abs(found.astype(mx.float32) - expected).max() / mx.abs(expected).max()
    return float(apart.item()) < tolerance


@pytest.mark.parametrize("gates", [ONE_A_HEAD, ONE_A_CHANNEL], ids=["heads", "channels"])
@pytest.mark.parametrize("length", [2, CHUNK, 2 * CHUNK + 5])
@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_chunks_are_the_loop(gates: tuple[int, ...], length: int, strength: float) -> None:
    """Values and gradients, against the loop in float64."""
    given = arguments(length, gates, strength)
    exact = [array.astype(mx.float64) for array in given]
    with mx.stream(mx.cpu):
        expected = gated_delta.gated_delta_ops(*exact)
        wanted = gradients(gated_delta.gated_delta_ops, exact)
        mx.eval(expected, wanted)
        for one, other in zip(delta_rule(*given, kernel=False), expected, strict=True):
            assert close(one, other)
        for one, other in zip(gradients(delta_rule, given), wanted, strict=True):
            assert close(one, other, 2e-5)


def test_without_a_state_it_begins_with_zeros() -> None:
    *given, state = arguments(CHUNK + 1, ONE_A_HEAD)
    for one, other in zip(
        delta_rule(*given), delta_rule(*given, mx.zeros_like(state)), strict=True
    ):
        assert mx.array_equal(one, other)


def test_gates_that_forget_all_and_keys_that_repeat_give_numbers() -> None:
    q, k, v, g, beta, state = arguments(2 * CHUNK, ONE_A_HEAD)
    g = mx.where(mx.arange(2 * CHUNK)[None, :, None] % 5 == 0, 0.0, g)
    k = mx.broadcast_to(k[:, :1], k.shape)
    beta = mx.full(beta.shape, 2.0)
    given = [q, k, v, g, beta, state]
    expected = gated_delta.gated_delta_ops(*given)
    for one, other in zip(delta_rule(*given), expected, strict=True):
        assert close(one, other, 1e-4)
    assert all(bool(mx.isfinite(one).all()) for one in gradients(delta_rule, given))


def test_half_precision_stays_and_masks_take_the_loop() -> None:
    given = arguments(CHUNK, ONE_A_HEAD)
    halves = [array.astype(mx.bfloat16) for array in given[:3]]
    y, state = delta_rule(*halves, *given[3:])
    assert (y.dtype, state.dtype) == (mx.bfloat16, mx.float32)
    mask = mx.arange(CHUNK)[None] >= mx.array([[0], [5]])
    for one, other in zip(
        delta_rule(*given, mask), gated_delta.gated_delta_ops(*given, mask), strict=True
    ):
        assert mx.array_equal(one, other)


@pytest.mark.parametrize("name", ["qwen3_next", "qwen3_5", "kimi_linear", "olmo_hybrid"])
def test_models_train_through_it_and_answer_through_their_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = attach_tiny(BY_NAME[name], build(BY_NAME[name].config)).train()
    calls: list[int] = []

    def counted(*args: Any) -> Any:
        calls.append(1)
        return by_chunks(*args)

    by_chunks = recurrences._by_chunks
    monkeypatch.setattr(recurrences, "_by_chunks", counted)
    with with_gradients(kernels=False):
        inside = model.hidden(tokens(LENGTH))[0]
    assert calls
    calls.clear()
    outside = model.hidden(tokens(LENGTH))[0]
    assert not calls
    assert close(inside, outside, 3e-5)


def test_what_was_there_before_is_there_behind_it_even_after_an_exception() -> None:
    before = gated_delta.gated_delta_ops, rwkv7.wkv7_kernel

    def fail() -> None:
        with with_gradients():
            assert gated_delta.gated_delta_ops is not before[0]
            assert rwkv7.wkv7_kernel is not before[1]
            raise RuntimeError("within")

    with pytest.raises(RuntimeError, match="within"):
        fail()
    assert (gated_delta.gated_delta_ops, rwkv7.wkv7_kernel) == before


def test_in_place_of_rwkvs_kernel_is_its_loop() -> None:
    model = build(BY_NAME["rwkv7"].config)
    mixing = model.layers[0].attn
    key = iter(mx.random.split(mx.random.key(3), 7))
    given = [mx.random.normal((2, 5, 4, 8), key=next(key)) * 0.3 for _ in range(6)]
    state = mx.random.normal((2, 4, 8, 8), key=next(key))
    with mx.stream(mx.cpu), with_gradients():
        found = rwkv7.wkv7_kernel(*given, state)
    expected = mixing._wkv7(*given, state)
    for one, other in zip(found, expected, strict=True):
        assert close(one, other)
