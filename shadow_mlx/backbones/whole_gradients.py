"""Sums of gradients that mlx-lm leaves out where it splits a model, which is made for answering.

What all processes compute alike and each uses for its own heads alone gets a part of its gradient
on each. Where a split layer follows, that sums; elsewhere it is done here.

D hidden size
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.nn.layers.distributed import sum_gradients
from mlx_lm.models.minimax import ShardedRMSNorm

LATENT = "kv_a_proj_with_mqa"
"""Makes the keys and values that all heads share, in multi-head latent attention."""

NOT_WHOLE = {
    "longcat_flash": "its experts that do nothing count once for each machine in the gradients",
}
"""Families that are split rightly for answering alone, and why."""


def make_whole(block: nn.Module, group: Any) -> None:
    """Put the sums that are missing into a split block, in place.

    Args:
        block: A decoder block of the backbone.
        group: The processes that it is split over.
    """
    for _, module in block.named_modules():
        if type(module) is ShardedRMSNorm:
            module.__class__ = _WholeNorm
        elif LATENT in module:
            # where heads have a matrix of their own, it sums what comes through it already
            summed = int(module.kv_lora_rank) if "kv_b_proj" in module else 0
            module[LATENT] = _Shared(module[LATENT], group, summed)


class _Shared(nn.Module):
    """A layer that all processes compute alike, whose results each uses for its own heads alone.

    Args:
        layer: ``[…, D]`` to ``[…, latent]``.
        group: The processes.
        summed: So many entries at the beginning have whole gradients already.
    """

    def __init__(self, layer: nn.Module, group: Any, summed: int) -> None:
        super().__init__()
        self.layer = layer
        self._group = group
        self._summed = summed

    def __call__(self, x: mx.array) -> mx.array:
        """The layer's results."""
        whole, partial = mx.split(self.layer(x), [self._summed], axis=-1)
        return mx.concatenate([whole, sum_gradients(self._group)(partial)], axis=-1)


class _WholeNorm(ShardedRMSNorm):
    """The norm over the heads of all processes; every head's gradient is in that of its size."""

    def __call__(self, x: mx.array) -> mx.array:
        """``x`` over its root mean square, times the weight."""
        wide = x.astype(mx.float32)
        squares = mx.square(wide).sum(-1, keepdims=True)
        total = sum_gradients(self.group)(mx.distributed.all_sum(squares, group=self.group))
        mean = total / (x.shape[-1] * self.group.size())
        normed: mx.array = wide * mx.rsqrt(mean + self.eps) * self["weight"]
        return normed.astype(x.dtype)
