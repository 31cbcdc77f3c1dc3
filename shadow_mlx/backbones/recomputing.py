"""Functions whose insides are computed again for the gradient instead of kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map


def recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of trees of arrays, of which only the arguments are kept for its gradient.

    ``mx.checkpoint`` does the same but for when: there the second computation waits for the
    function's own results, so that MLX, which goes through a graph depth first, may begin it
    before the backward pass has come so far, and then holds what it makes all the while. Here it
    waits for the gradient that comes in.
    """

    @mx.custom_function
    def kept(arguments: list[Any]) -> Any:
        return function(*arguments)

    @kept.vjp
    def backward(arguments: list[Any], cotangents: Any, _: Any) -> Any:
        arrays = _leaves(arguments)
        wanted = _leaves(cotangents)

        def flat(*given: mx.array) -> list[mx.array]:
            return _leaves(function(*_like(arguments, given)))

        _, gradients = mx.vjp(flat, mx.depends(arrays, wanted), wanted)
        return _like(arguments, gradients)

    return lambda *arguments: kept(list(arguments))


def _leaves(tree: Any) -> list[mx.array]:
    return [array for _, array in tree_flatten(tree)]


def _like(tree: Any, leaves: Iterable[mx.array]) -> Any:
    """``leaves`` in the place of those of ``tree``; what is empty in it stays."""
    following = iter(leaves)
    return tree_map(lambda _: next(following), tree)
