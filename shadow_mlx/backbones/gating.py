"""Gated activations whose insides are computed again for the gradient instead of kept.

``silu(gate) * up`` leaves four arrays of the MLP's width to the backward pass: the gate, its
sigmoid, their product, and ``up``. Two of them follow from the others by elementwise work, which
is next to nothing beside the products around it, and they are the largest arrays of a block.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.nn as nn
from mlx_lm.models.activations import swiglu

NAME = "swiglu"
"""What mlx-lm's models call it; those that write a gate out in their own code are left alone."""


@contextmanager
def recomputed_gates(
    block: nn.Module, checkpoint: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Iterator[None]:
    """While ``block`` is traced inside, its gated activations keep their arguments alone.

    mlx-lm's models import the function by name, so it is that name in the modules of the block's
    classes that means another one for as long.

    Args:
        block: One of mlx-lm's decoder blocks.
        checkpoint: :func:`~shadow_mlx.backbones.recomputing.recomputed`, or what stands for it in
            a recording.
    """
    modules = {sys.modules[type(part).__module__] for part in block.modules()}
    using = [one for one in modules if getattr(one, NAME, None) is swiglu]
    lean = checkpoint(swiglu)
    for module in using:
        setattr(module, NAME, lean)
    try:
        yield
    finally:
        for module in using:
            setattr(module, NAME, swiglu)
