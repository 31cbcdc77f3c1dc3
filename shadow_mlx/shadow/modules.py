"""The trained inject/update module of equations 2 to 7.

Shapes: ``h`` and ``s`` are ``[B, T, D]``; ``r`` rank, ``u`` update width.
"""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float, UInt32

from shadow_mlx.backbones.reference import Reference
from shadow_mlx.shadow.packed import PackedInjection, PackedUpdate


class UpdateMLP(nn.Module):
    """``D → u → D`` with an exact (erf) GELU between and biases: ``T`` and ``G``."""

    def __init__(self, hidden_size: int, update_hidden_size: int) -> None:
        super().__init__()
        self.first = nn.Linear(hidden_size, update_hidden_size)
        self.second = nn.Linear(update_hidden_size, hidden_size)

    def __call__(
        self, h: Float[mx.array, "batch length hidden"]
    ) -> Float[mx.array, "batch length hidden"]:
        """``[..., D]`` to ``[..., D]``."""
        return self.second(nn.gelu(self.first(h)))


class ShadowLayer(nn.Module):
    """Injects the shadow state into a block's input and advances it from the block's output.

    Weights train in float32; inputs of another dtype are cast around the products and the results
    are cast back, so that the residual stream keeps the backbone's dtype.

    Args:
        hidden_size: ``D``, the backbone's width.
        rank: ``r`` of the low-rank injection.
        update_hidden_size: ``u`` of T and G.
        alpha: Strength of the correction.
        dropout: Probability of dropping an element of ``h − s``; active in training mode only.
        updates_as: The layer whose T and G are used here, where the blocks share them.
    """

    def __init__(
        self,
        hidden_size: int,
        rank: int,
        update_hidden_size: int,
        alpha: float,
        dropout: float,
        updates_as: ShadowLayer | None = None,
    ) -> None:
        super().__init__()
        self.down = nn.Linear(hidden_size, rank, bias=False)
        self.up = nn.Linear(rank, hidden_size, bias=False)
        self.up.weight = mx.zeros_like(self.up.weight)  # an untrained shadow changes nothing
        self.rule = Reference(updates_as or self)
        if updates_as is None:
            self.transform = UpdateMLP(hidden_size, update_hidden_size)
            self.gate = UpdateMLP(hidden_size, update_hidden_size)
        self.dropout = dropout
        self.alpha = alpha
        self.packed_injection: PackedInjection | None = None
        self.packed_update: PackedUpdate | None = None

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The modules whose weights :meth:`inject` and :meth:`advance` compute with."""
        rule = self.rule.module
        return (self,) if rule is self else (self, rule.transform, rule.gate)

    def pack(self, dtype: mx.Dtype) -> Sequence[mx.array]:
        """Compute with copies of the weights in ``dtype`` from now on, laid out for decoding.

        They are used in evaluation mode, for streams of that dtype, while the weights are the same.

        Returns:
            The copies.
        """
        self.packed_injection = PackedInjection(self._injection_weights(), self.alpha, dtype)
        if self.rule.module is not self:
            return self.packed_injection.arrays
        self.packed_update = PackedUpdate(self._update_weights(), dtype)
        return *self.packed_injection.arrays, *self.packed_update.arrays

    def inject(
        self,
        h: Float[mx.array, "batch length hidden"],
        s: Float[mx.array, "batch length hidden"],
        key: UInt32[mx.array, " 2"] | None = None,
    ) -> Float[mx.array, "batch length hidden"]:
        """The block's input ``hˡ`` from ``h_outˡ⁻¹`` and ``sˡ⁻¹``, in the dtype of ``h``.

        ``key`` is of :meth:`dropout_key`; without one, a fresh one is drawn.
        """
        packed = self.packed_injection
        if packed and not self.training and packed.serves(h.dtype, self._injection_weights()):
            return packed(h, s)
        delta = (h - s).astype(self.down.weight.dtype)  # (2)
        correction = self.up(self.down(self._drop(delta, key)))  # (3)
        return h + (self.alpha * correction).astype(h.dtype)  # (4)

    def dropout_key(self) -> UInt32[mx.array, " 2"] | None:
        """A fresh key for one call of :meth:`inject`, or ``None`` where nothing is dropped.

        A call that is computed a second time for its gradient must drop the same elements again.
        """
        if not (self.training and self.dropout):
            return None
        return mx.random.randint(0, 2**31 - 1, (2,)).astype(mx.uint32)

    def _drop(
        self, delta: Float[mx.array, "batch length hidden"], key: UInt32[mx.array, " 2"] | None
    ) -> Float[mx.array, "batch length hidden"]:
        key = self.dropout_key() if key is None else key
        if key is None:
            return delta
        kept = mx.random.bernoulli(1 - self.dropout, delta.shape, key=key)
        return kept * delta / (1 - self.dropout)

    def advance(
        self,
        h_out: Float[mx.array, "batch length hidden"],
        s: Float[mx.array, "batch length hidden"],
    ) -> Float[mx.array, "batch length hidden"]:
        """The next state ``sˡ`` from the block's output, in the dtype of ``s``."""
        rule = self.rule.module
        packed = rule.packed_update
        if packed and not self.training and packed.serves(s.dtype, rule._update_weights()):
            return packed(h_out, s)
        h_wide = h_out.astype(self.down.weight.dtype)
        candidate = rule.transform(h_wide)  # (5)
        gate = mx.sigmoid(rule.gate(h_wide))  # (6)
        mixed = (1 - gate) * s.astype(gate.dtype) + gate * candidate  # (7)
        return mixed.astype(s.dtype)

    # Asked at every block of every token: by the keys of modules, which are dictionaries.

    def _injection_weights(self) -> Sequence[mx.array]:
        return self["down"]["weight"], self["up"]["weight"]

    def _update_weights(self) -> Sequence[mx.array]:
        found: list[mx.array] = []
        for mlp in (self["transform"], self["gate"]):
            for linear in (mlp["first"], mlp["second"]):
                found += (linear["weight"], linear["bias"])
        return found
