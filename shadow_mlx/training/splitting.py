"""What a split backbone must be able to do before a shadow is trained on it.

mlx-lm splits models for generation. Where a family's code leaves a sum of gradients out, answers
are right, and what a shadow would learn is not.

B rows · T tokens · D hidden size
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.whole_gradients import NOT_WHOLE
from shadow_mlx.backbones.wrapping import entering, wrap_blocks
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.parallel.team import Team

TOKENS = 6
TOLERANCE = 0.1
"""Of the largest gradient: bfloat16 rounds to a few hundredths; one that is left out is a half."""


@dataclass(frozen=True)
class _Added:
    """Adds the state that enters to what the first block reads, and nothing behind it."""

    training: bool = False
    parts: Sequence[nn.Module] = ()

    def inject(self, h: mx.array, s: mx.array, key: mx.array | None = None) -> mx.array:
        return h + s

    def advance(self, h_out: mx.array, s: mx.array) -> mx.array:
        return mx.zeros_like(s)

    def dropout_key(self) -> mx.array | None:
        return None


def input_gradient(decoder: Decoder) -> mx.array:
    """The gradient ``[1, T, D]`` of a function of the last state by the first block's input."""
    inputs = mx.arange(TOKENS)[None]
    embedded: mx.array = decoder.embedding(inputs)
    weights = mx.random.normal(embedded.shape, key=mx.random.key(0))
    blocks = decoder.blocks
    wrapping = wrap_blocks(decoder, [_Added()])

    def value(added: mx.array) -> mx.array:
        with entering(wrapping, added):
            hidden = decoder.final_hidden(inputs)
        return (hidden.astype(mx.float32) * weights).sum()

    try:
        gradient: mx.array = mx.grad(value)(mx.zeros_like(embedded))
        mx.eval(gradient)
    finally:
        decoder.replace_blocks(blocks)
    return gradient.astype(mx.float32)


def check_gradients(decoder: Decoder, team: Team) -> None:
    """Refuse a split backbone whose gradients are known to be wrong, or differ between processes.

    Raises:
        UnsupportedArchitectureError: With the reason.
    """
    if decoder.name in NOT_WHOLE:
        raise _refusal(decoder, NOT_WHOLE[decoder.name])
    own = input_gradient(decoder)
    first = team.same(own)
    apart: Any = (mx.abs(own - first).max() / mx.abs(first).max()).item()
    if team.agreed(not apart <= TOLERANCE):
        raise _refusal(decoder, "the gradients of its parts do not add up to a whole")


def _refusal(decoder: Decoder, why: str) -> UnsupportedArchitectureError:
    return UnsupportedArchitectureError(
        f"{decoder.name}: {why}, since mlx-lm splits it for answering alone: with --parallel "
        "tensor it can be asked, and cannot be trained on"
    )
