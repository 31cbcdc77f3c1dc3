"""A gradient that computes a function again is the function's own gradient, and keeps less."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.backbones.recomputing import recomputed

WIDTH, DEPTH = 2**20, 8


def layered(x: mx.array, times: dict[str, mx.array], checkpoint: bool) -> mx.array:
    def inside(x: mx.array, tree: dict[str, mx.array]) -> tuple[mx.array, mx.array]:
        wide = mx.sigmoid(x) * mx.tanh(x) * tree["a"]
        return mx.sin(wide), mx.cos(x)

    run = recomputed(inside) if checkpoint else inside
    for _ in range(DEPTH):
        y, z = run(x, times)
        x = y + z
    return x.sum()


@pytest.mark.parametrize("compiled", [False, True])
def test_the_gradients_are_the_same(compiled: bool) -> None:
    x, times = mx.random.normal((64,)), {"a": mx.random.normal((64,))}
    found = []
    for checkpoint in (False, True):
        gradients = mx.grad(lambda x, t, c=checkpoint: layered(x, t, c), argnums=(0, 1))
        found.append((mx.compile(gradients) if compiled else gradients)(x, times))
    (dx, dt), (rx, rt) = found
    np.testing.assert_allclose(np.array(rx), np.array(dx), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.array(rt["a"]), np.array(dt["a"]), rtol=1e-5, atol=1e-5)


def test_what_is_empty_among_the_arguments_stays() -> None:
    def function(tree: list[dict[str, mx.array]], x: mx.array) -> mx.array:
        nothing, one, [] = tree
        assert nothing == {}
        return (one["a"] * x).sum()

    tree, x = [{}, {"a": mx.array([2.0, 3.0])}, []], mx.array([5.0, 7.0])
    gradients = mx.grad(recomputed(function), argnums=(0, 1))(tree, x)
    assert gradients[0][1]["a"].tolist() == [5.0, 7.0]
    assert gradients[1].tolist() == [2.0, 3.0]


def peak(function: object) -> int:
    x = mx.random.normal((WIDTH,))
    mx.eval(x)
    mx.synchronize()
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    mx.eval(mx.grad(function)(x))
    return mx.get_peak_memory() - before


def test_only_the_arguments_are_kept() -> None:
    one = {"a": mx.array(2.0)}
    plain, lean = (peak(lambda x, c=c: layered(x, one, c)) for c in (False, True))
    assert lean < 0.7 * plain


def test_the_second_computation_waits_for_the_gradient() -> None:
    """``mx.checkpoint`` begins all of them first where they come first in a product."""

    def function(checkpoint: object) -> object:
        again = checkpoint(lambda x: mx.sigmoid(x) * mx.tanh(x))

        def run(x: mx.array) -> mx.array:
            for _ in range(3 * DEPTH):
                x = again(x) + x
            return x.sum()

        return run

    assert peak(function(recomputed)) < 0.9 * peak(function(mx.checkpoint))
