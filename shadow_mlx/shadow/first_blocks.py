"""The first blocks of a model of any depth, as a network of their own.

The model is built at its full depth; its first blocks compute and the others hand their input
through. So every per-layer rule of the architecture (layer types, sliding-window patterns, the
first layers that are dense in a mixture of experts, where a mask is looked up) holds without being
known here.

Shapes: token ids ``[B, T]``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.handing import number_along
from shadow_mlx.backbones.wrapping import PassThrough
from shadow_mlx.errors import ConfigError

CANNOT_COMPUTE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError
)  # fmt: skip
"""What mlx-lm's architectures raise where their settings do not fit each other."""


def first_blocks(model: nn.Module, count: int) -> tuple[Decoder, int]:
    """The decoder of a model of which the first blocks compute, and the caches that these take.

    Args:
        model: A fresh model; its other blocks are replaced in place and never evaluated.
        count: How many blocks compute.

    Raises:
        ConfigError: The architecture counts positions in the cache of a block that does not
            compute.
        Exception: One of :data:`CANNOT_COMPUTE`, where the model's settings do not fit each other.
    """
    decoder = find_decoder(model)
    blocks = decoder.blocks
    decoder.replace_blocks(blocks[:count])
    own = len(make_prompt_cache(model)[:count])
    decoder.replace_blocks(blocks)
    along = number_along(decoder) if count < len(blocks) else 0
    idle_blocks = [PassThrough(block, along) for block in blocks[count:]]
    decoder.replace_blocks([*blocks[:count], *idle_blocks])
    decoder = replace(decoder, kept=count)
    caches = make_prompt_cache(model)
    idle = [_WatchedCache(cache) for cache in caches[own:]]
    # traced, never evaluated
    decoder.final_hidden(mx.zeros((1, 2), dtype=mx.int32), [*caches[:own], *idle])
    counting = next((i for i, cache in enumerate(idle) if cache.counts), None)
    if counting is not None:
        raise ConfigError(
            f"--shadow-layers {count}: {decoder.name} counts positions in a cache of a later "
            f"layer, so its mirror needs at least {count + counting + 1} layers"
        )
    return decoder, own


class _WatchedCache:
    """The empty cache of a block that does not compute; notes whether positions come from it.

    Masks made from it are for blocks of its own kind, which do not compute either.
    """

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self.counts = False

    @property
    def offset(self) -> Any:
        self.counts = True
        return self.cache.offset

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cache, name)

    def __getitem__(self, index: int) -> Any:
        return self.cache[index]
