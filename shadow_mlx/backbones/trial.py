"""A loaded model is asked once before it is handed on: what cannot answer says so at once.

Sizes, types and finite weights do not tell whether the numbers work together: a setting far out of
its range makes every answer NaN, and one that does not fit fails in the first forward pass.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.kernels import uninterrupted

TOKENS = 2


def answers(model: nn.Module) -> bool:
    """Whether the logits after two tokens are finite numbers.

    Raises:
        Exception: Whatever the model's own code raises.
    """
    inputs = mx.array([[0] * TOKENS])
    cache: list[Any] = make_prompt_cache(model)
    logits = model(inputs, cache=cache)
    return bool(uninterrupted(mx.isfinite(logits).all().item))


def relative_error(found: mx.array, expected: mx.array) -> float:
    """The root mean square of the differences, relative to that of what is expected.

    Infinite where they are no numbers.
    """
    error: Any = mx.sqrt(mx.square(found - expected).mean() / mx.square(expected).mean()).item()
    return float("inf") if math.isnan(error) else float(error)
