"""Rows that hold several examples: each sees itself alone, as if it had a row of its own.

mlx-lm's decoder loops ask their caches for the attention mask, so what stands in for the caches
here keeps nothing and gives a mask in blocks: no token looks behind the start of its own example.
Rotary positions count differences alone, and those are the same wherever an example lies. What
does not hold for every architecture is tried before it is used (:func:`check_shared_rows`).

Shapes: token ids ``[B, T]``; starts int32 ``[B, T]``; masks bool ``[B, 1, T, T]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import CacheList, KVCache, RotatingKVCache, make_prompt_cache

from shadow_mlx.backbones.decoder import Decoder, Passed
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.kernels import uninterrupted

Starts = mx.array
"""int32 ``[B, T]``: where in its row the example begins that a token belongs to. Empty where every
row is one example."""

_TRIAL = (40, 70, 30)  # tokens of the examples of a trial
_TRIAL_VOCABULARY = 64
_LARGEST_ERROR = {mx.float32: 1e-3}
_LARGEST_ERROR_16_BITS = 0.07
"""Of a trial. Rounding makes 1e-6, in 16 bits up to 0.04; learned positions, or a state that leaks,
half of all."""

_NORM_BEHIND_POSITIONS = frozenset({"hunyuan", "hunyuan_v1_dense"})
"""Architectures that weigh the channels of queries and keys after rotating them: what they see of a
distance changes with the place, by less than 16 bits tell apart for certain."""


class BlockMasks:
    """The masks of one batch, each made once however many layers ask for it."""

    def __init__(self, starts: Starts) -> None:
        self.starts = starts
        self._made: dict[int | None, mx.array] = {}

    def mask(self, window: int | None) -> mx.array:
        """What each token may look at; ``window`` counts tokens, itself among them."""
        if window not in self._made:
            places = mx.arange(self.starts.shape[1])
            reader, read = places[:, None], places
            seen = (read <= reader) & (read >= self.starts[..., None])
            if window is not None:
                seen = seen & (reader < read + window)
            self._made[window] = seen[:, None]
        return self._made[window]


class RowCache(Passed):
    """Takes a layer's cache's place in one pass over whole rows, and gives masks.

    Attributes:
        keys: The last ones given; some architectures look at them beside what they get back.
        values: Likewise.
    """

    def __init__(self, masks: BlockMasks) -> None:
        super().__init__()
        self._masks = masks
        self.keys: mx.array | None = None
        self.values: mx.array | None = None

    def __bool__(self) -> bool:
        return True  # it is asked for the mask

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, ...]:
        """Both as they come."""
        self.keys, self.values = keys, values
        return super().update_and_fetch(keys, values)

    def make_mask(
        self, count: int, return_array: bool = False, window_size: int | None = None
    ) -> mx.array:
        """The block mask, by mlx-lm's signature; it is an array always."""
        return self._masks.mask(window_size)


def shared_row_caches(model: nn.Module, starts: Starts | None) -> list[Any] | None:
    """What to call a model's decoder with for these rows; ``None`` where each holds one example.

    Args:
        model: One of mlx-lm's.
        starts: Of the rows.

    Raises:
        UnsupportedArchitectureError: A layer keeps more than keys and values.
    """
    if starts is None or not starts.size:
        return None
    masks = BlockMasks(starts)
    return [_stand_in(cache, masks) for cache in make_prompt_cache(model)]


def _stand_in(cache: Any, masks: BlockMasks) -> Any:
    if type(cache) is CacheList:
        return CacheList(*(_stand_in(one, masks) for one in cache.caches))
    if type(cache) in (KVCache, RotatingKVCache):
        return RowCache(masks)
    raise UnsupportedArchitectureError(
        "some of its layers hand a state from token to token, which would run from one example "
        "into the next"
        if type(cache).__name__ == "ArraysCache"
        else f"its attention keeps a cache of its own kind ({type(cache).__name__})"
    )


def check_shared_rows(
    states: Callable[[mx.array, Starts | None], mx.array], longest: int | None = None
) -> None:
    """Try whether examples that share rows come to the same as each in a row of its own.

    Args:
        states: Token ids and starts to the hidden states ``[B, T, D]``.
        longest: Of :func:`positions_alike`.

    Raises:
        UnsupportedArchitectureError: They do not, or the architecture cannot be called so.
    """
    if longest == 0:
        raise UnsupportedArchitectureError(
            "it weighs the channels of queries and keys after it has rotated them by their place"
        )
    row = sum(_TRIAL)
    lengths = [max(1, n * min(row, longest or row) // row) for n in _TRIAL]
    try:
        error, dtype = _difference(states, lengths)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as problem:
        raise UnsupportedArchitectureError(
            f"its attention does not take a mask for each row ({problem})"
        ) from problem
    if not error < _LARGEST_ERROR.get(dtype, _LARGEST_ERROR_16_BITS):
        raise UnsupportedArchitectureError(
            f"an example comes to something else at another place in the row (by {error:.1%}): it "
            "knows positions by their numbers, or does not keep to the mask"
        )


def _difference(
    states: Callable[[mx.array, Starts | None], mx.array], lengths: Sequence[int]
) -> tuple[float, mx.Dtype]:
    """The median of the tokens' relative differences, of examples behind others in a row.

    Every example stands at every place once. (A median, for where a mixture of experts chooses by
    numbers that rounding has changed, single tokens differ by much.)
    """
    count = len(lengths)
    ids = mx.arange(1, sum(lengths) + 1) * 7 % _TRIAL_VOCABULARY
    examples = mx.split(ids, list(accumulate(lengths))[:-1])
    rows, starts, expected = [], [], []
    apart = mx.stack([mx.pad(one, (0, max(lengths) - len(one))) for one in examples])
    alone = states(apart, None)
    for first in range(count):
        order = [(first + i) % count for i in range(count)]
        begins = [0, *accumulate(lengths[i] for i in order)]
        rows.append(mx.concatenate([examples[i] for i in order]))
        starts.append(np.repeat(begins[:-1], [lengths[i] for i in order]))
        expected.append(mx.concatenate([alone[i, : lengths[i]] for i in order]))
    found = states(mx.stack(rows), mx.array(np.stack(starts).astype(np.int32)))
    wanted = mx.stack(expected).astype(mx.float32)
    differing = mx.linalg.norm(found.astype(mx.float32) - wanted, axis=-1)
    errors = differing / mx.linalg.norm(wanted, axis=-1)
    numbers = uninterrupted(partial(np.array, errors))
    return float(np.median(numbers[np.stack(starts) > 0])), found.dtype


def positions_alike(decoder: Decoder) -> int | None:
    """How many positions a row may have before their numbers matter; ``None`` for any, 0 for none.

    A few architectures make attention sharper from a position on (Ministral 3, Mistral 4).
    """
    if decoder.name in _NORM_BEHIND_POSITIONS:
        return 0
    rope = decoder.arguments.get("rope_parameters")
    if isinstance(rope, Mapping) and rope.get("llama_4_scaling_beta"):
        return int(rope["original_max_position_embeddings"])
    return None
