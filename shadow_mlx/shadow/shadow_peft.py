"""The variant of the authors' first package (``shadow-peft`` 0.1): another function than PEFT's.

Block 0 is left alone, one LayerNorm shared by all blocks stands before T and G, these have SiLU
and no biases, and dropout falls after ``down`` and inside T. Weights of one variant mean nothing in
the other, so neither is ever converted.

Shapes: ``h`` and ``s`` are ``[B, T, D]``; ``r`` rank, ``u`` update width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float, UInt32

from shadow_mlx.backbones.reference import Reference
from shadow_mlx.shadow.modules import ShadowLayer

Variant = Literal["peft", "original"]


class OriginalMLP(nn.Module):
    """``D → u → D`` with SiLU between and no biases."""

    def __init__(self, hidden_size: int, update_hidden_size: int) -> None:
        super().__init__()
        self.first = nn.Linear(hidden_size, update_hidden_size, bias=False)
        self.second = nn.Linear(update_hidden_size, hidden_size, bias=False)

    def narrow(
        self, h: Float[mx.array, "batch length hidden"]
    ) -> Float[mx.array, "batch length update"]:
        """``[..., D]`` to ``[..., u]``."""
        return nn.silu(self.first(h))

    def __call__(
        self, h: Float[mx.array, "batch length hidden"]
    ) -> Float[mx.array, "batch length hidden"]:
        """``[..., D]`` to ``[..., D]``."""
        return self.second(self.narrow(h))


class OriginalShadowLayer(ShadowLayer):
    """What the original does at every block but the first.

    Args:
        hidden_size: ``D``, the backbone's width.
        rank: ``r`` of the low-rank injection.
        update_hidden_size: ``u`` of T and G.
        alpha: Strength of the correction.
        dropout: Probability of dropping an element; active in training mode only.
        norm: The LayerNorm before T and G, registered elsewhere: all blocks share it.
    """

    def __init__(
        self,
        hidden_size: int,
        rank: int,
        update_hidden_size: int,
        alpha: float,
        dropout: float,
        norm: nn.LayerNorm,
    ) -> None:
        super().__init__(hidden_size, rank, update_hidden_size, alpha, dropout)
        self.down.weight = mx.random.normal(self.down.weight.shape, scale=0.02)
        self.transform = OriginalMLP(hidden_size, update_hidden_size)
        self.gate = OriginalMLP(hidden_size, update_hidden_size)
        self.norm = Reference(norm)

    def pack(self, dtype: mx.Dtype) -> Sequence[mx.array]:
        """Nothing: this variant computes as it is written."""
        return ()

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """Empty: the update drops elements at random, others when it is computed again."""
        return ()

    def inject(
        self,
        h: Float[mx.array, "batch length hidden"],
        s: Float[mx.array, "batch length hidden"],
        key: UInt32[mx.array, " 2"] | None = None,
    ) -> Float[mx.array, "batch length hidden"]:
        """The block's input, in the dtype of ``h``."""
        delta = (h - s).astype(self.down.weight.dtype)
        correction = self.up(self._drop(self.down(delta), key))
        return h + (self.alpha * correction).astype(h.dtype)

    def advance(
        self,
        h_out: Float[mx.array, "batch length hidden"],
        s: Float[mx.array, "batch length hidden"],
    ) -> Float[mx.array, "batch length hidden"]:
        """The next state from the block's output, in the dtype of ``s``."""
        normed = self.norm.module(h_out.astype(self.down.weight.dtype))
        candidate = self.transform.second(self._drop(self.transform.narrow(normed), None))
        gate = mx.sigmoid(self.gate(normed))
        wide = s.astype(gate.dtype)
        mixed = wide + gate * (candidate - wide)
        return mixed.astype(s.dtype)


class SkippedLayer(ShadowLayer):
    """Stands at block 0, which the original leaves alone. It has no weights."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.rule = Reference[ShadowLayer](self)
        self.alpha, self.dropout = 0.0, 0.0

    def pack(self, dtype: mx.Dtype) -> Sequence[mx.array]:
        """Nothing: there are no weights."""
        return ()

    def inject(
        self,
        h: Float[mx.array, "batch length hidden"],
        s: Float[mx.array, "batch length hidden"],
        key: UInt32[mx.array, " 2"] | None = None,
    ) -> Float[mx.array, "batch length hidden"]:
        """``h`` as it is."""
        return h

    def advance(
        self,
        h_out: Float[mx.array, "batch length hidden"],
        s: Float[mx.array, "batch length hidden"],
    ) -> Float[mx.array, "batch length hidden"]:
        """``s`` as it is."""
        return s
