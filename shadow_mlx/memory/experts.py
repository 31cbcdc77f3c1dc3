"""Trained experts, computed so that they can be recorded.

The gradient of sorted experts is a primitive that MLX cannot export (``SegmentedMM``). What stands
in for it takes the same memory: the first expert's product with every row, and its gradient.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.switch_layers import SwitchLinear


class RecordableExperts(SwitchLinear):
    """A :class:`SwitchLinear` that gives other numbers of the same shapes."""

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> Any:
        """``[…, rows, in]`` to ``[…, rows, out]``."""
        frozen = mx.stop_gradient(self["weight"])
        y = mx.gather_mm(
            x, frozen.swapaxes(-1, -2), rhs_indices=indices, sorted_indices=sorted_indices
        )
        y = y + x @ self["weight"][0].swapaxes(-1, -2)
        return y + mx.expand_dims(self["bias"][indices], -2) if "bias" in self else y


def make_recordable(trained: nn.Module) -> None:
    """Exchange the experts inside a trained module, in place."""
    for _, module in trained.named_modules():
        if type(module) is SwitchLinear:
            module.__class__ = RecordableExperts
