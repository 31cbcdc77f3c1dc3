"""Random batches, and what their losses must be."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from shadow_mlx.data.batches import Batch


def make_batch(
    rows: int = 4, width: int = 16, trained: int = 20, seed: int = 0, vocabulary: int = 200
) -> Batch:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, vocabulary, (rows, width + 1)).astype(np.int32)
    weights = np.zeros(rows * width, np.float32)
    weights[generator.permutation(rows * width)[:trained]] = 1
    return Batch(
        tokens[:, :-1],
        tokens[:, 1:],
        weights.reshape(rows, width),
        tokens=trained,
        global_tokens=trained,
        examples=np.arange(rows),
        cursor={"epoch": 0, "position": 1},
    )


def naive_losses(model, batch: Batch) -> tuple[mx.array, mx.array]:
    """Equations 8 and 9 over whole logits, in sums."""
    h, s0 = model.hidden(mx.array(batch.inputs))
    targets, weights = mx.array(batch.targets), mx.array(batch.weights)

    def summed(hidden: mx.array) -> mx.array:
        logits = model.head(hidden).astype(mx.float32)
        return (nn.losses.cross_entropy(logits, targets) * weights).sum()

    return summed(h), summed(s0)
