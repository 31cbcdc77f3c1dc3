"""Functions whose insides are computed again for the gradient instead of kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten


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
        names, arrays = zip(*tree_flatten(arguments), strict=True)
        wanted = [array for _, array in tree_flatten(cotangents)]

        def flat(*given: mx.array) -> list[mx.array]:
            results = function(*tree_unflatten(list(zip(names, given, strict=True))))
            return [array for _, array in tree_flatten(results)]

        _, gradients = mx.vjp(flat, mx.depends(list(arrays), wanted), wanted)
        return tree_unflatten(list(zip(names, gradients, strict=True)))

    return lambda *arguments: kept(list(arguments))
