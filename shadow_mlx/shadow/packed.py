"""Equations 2 to 7 in few operations, for decoding: there their number decides, not their size.

A block's injection and update are some forty primitive operations as :mod:`.modules` writes them
down for training, and eight here: ``T`` and ``G`` are one product each, ``α`` is in ``up``, biases
and sums are part of the products, and what works element by element is compiled. The weights are
copies in the stream's dtype, laid out as the products read them.

Changed weights are other arrays, so that a packed form knows whether it is still that of its layer.
Only an assignment to a part of an array (``weight[0] = …``) goes unnoticed.

Shapes: ``h`` and ``s`` are ``[B, T, D]``; ``r`` rank, ``u`` update width.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import is_

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float

State = Float[mx.array, "batch length hidden"]
Arrays = Sequence[mx.array]


class PackedInjection:
    """``h + α·up(down(h − s))`` (2–4) in three operations.

    Args:
        weights: Of ``down`` and ``up``.
        alpha: Strength of the correction.
        dtype: Of the stream.
    """

    def __init__(self, weights: Arrays, alpha: float, dtype: mx.Dtype) -> None:
        self.dtype = dtype
        self._weights = weights
        down, up = weights
        self._down = _laid_out(down.T, dtype)  # [1, D, r]
        self._up = _laid_out(alpha * up.T, dtype)  # [1, r, D]
        self.arrays = (self._down, self._up)

    def serves(self, dtype: mx.Dtype, weights: Arrays) -> bool:
        """Whether this is for streams of that dtype, and these are the weights packed here."""
        return dtype == self.dtype and all(map(is_, self._weights, weights))

    def __call__(self, h: State, s: State) -> State:
        """The block's input."""
        return mx.addmm(h, (h - s) @ self._down, self._up)


class PackedUpdate:
    """``s + sigmoid(G(h))·(T(h) − s)`` (5–7) in five operations.

    Args:
        weights: Of ``T``'s two layers and then ``G``'s, each with its bias.
        dtype: Of the stream.
    """

    def __init__(self, weights: Arrays, dtype: mx.Dtype) -> None:
        self.dtype = dtype
        self._weights = weights
        t1, t1_bias, t2, t2_bias, g1, g1_bias, g2, g2_bias = weights
        zeros = mx.zeros_like(t2)
        second = mx.concatenate(
            [mx.concatenate([t2, zeros], axis=1), mx.concatenate([zeros, g2], axis=1)]
        )
        self._first = _laid_out(mx.concatenate([t1, g1]).T, dtype)  # [1, D, 2u]
        self._first_bias = _laid_out(mx.concatenate([t1_bias, g1_bias])[None], dtype)
        self._second = _laid_out(second.T, dtype)  # [1, 2u, 2D]
        self._second_bias = _laid_out(mx.concatenate([t2_bias, g2_bias])[None], dtype)
        self.arrays = (self._first, self._first_bias, self._second, self._second_bias)

    def serves(self, dtype: mx.Dtype, weights: Arrays) -> bool:
        """Whether this is for streams of that dtype, and these are the weights packed here."""
        return dtype == self.dtype and all(map(is_, self._weights, weights))

    def __call__(self, h_out: State, s: State) -> State:
        """The next state."""
        inner = nn.gelu(mx.addmm(self._first_bias, h_out, self._first))
        candidate, gate = mx.split(mx.addmm(self._second_bias, inner, self._second), 2, axis=-1)
        mixed: mx.array = _mixed(s, candidate, gate)
        return mixed


@partial(mx.compile, shapeless=True)
def _mixed(s: mx.array, candidate: mx.array, gate: mx.array) -> mx.array:
    """(7), the sigmoid written out: on a CPU MLX's takes twice as long."""
    return s + (candidate - s) / (1 + mx.exp(-gate))


def _laid_out(matrix: mx.array, dtype: mx.Dtype) -> mx.array:
    """``[1, …]`` in the order in which it is read; with two axes a product takes two more views."""
    return mx.contiguous(matrix.astype(dtype))[None]
