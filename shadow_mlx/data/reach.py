"""Examples and the positions of the model that reads them."""

from __future__ import annotations

import numpy as np

from shadow_mlx.backbones.positions import PositionLimit
from shadow_mlx.data.buckets import GRANULE
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.reading.notices import Notice


def longest_example(max_seq_length: int, limit: PositionLimit | None) -> int:
    """Tokens of the longest example that a model can be trained on.

    A model reads all tokens of an example but the last one, padded to a bucket's edge.
    """
    if limit is None or not limit.hard:
        return max_seq_length
    return min(max_seq_length, max(limit.tokens // GRANULE * GRANULE, GRANULE) + 1)


def length_notes(
    dataset: EncodedDataset, max_seq_length: int, limit: PositionLimit | None
) -> list[str]:
    """What a person should know of the model's positions, where the examples reach beyond them.

    Args:
        dataset: Encoded to the length of :func:`longest_example`, or not cut at all.
        max_seq_length: The length that was asked for.
        limit: The model's.
    """
    if limit is None:
        return []
    counts = dataset.counts
    cut = counts.truncated + counts.dropped
    longest = longest_example(max_seq_length, limit)
    if limit.hard and longest < max_seq_length and cut:
        return [f"{limit}: examples are cut at {longest:,} tokens, not at {max_seq_length:,}"]
    beyond = int(np.count_nonzero(dataset.lengths - 1 > limit.tokens))
    if not beyond:
        return []
    longer = Notice("example is longer", "examples are longer")
    return [f"{limit}: {longer.counted(beyond)}"]
