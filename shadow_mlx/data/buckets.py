"""The few lengths that batches are padded to, chosen so that the least is padded.

Every distinct batch shape is compiled once and kept: their number is what must stay bounded.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Lengths = npt.NDArray[np.int64]

MAX_BUCKETS = 12
MAX_CANDIDATES = 512
GRANULE = 8
"""Bucket edges are multiples of this; matrix kernels work in such tiles."""


def bucket_edges(lengths: Lengths, max_buckets: int = MAX_BUCKETS) -> Lengths:
    """The best edges: ascending int64[k], ``k <= max_buckets``, the last one covers all lengths.

    Minimises the sum over examples of the edge above its length, by a dynamic programme over the
    lengths rounded up to a granule (a coarser one for very long data).
    """
    if not len(lengths):
        return np.zeros(0, np.int64)
    granule = GRANULE
    while int(lengths.max()) // granule > MAX_CANDIDATES:
        granule *= 2
    rounded, counts = np.unique(-(-lengths // granule) * granule, return_counts=True)
    return rounded[_chosen(rounded, counts, max_buckets)]


def _chosen(edges: Lengths, counts: Lengths, max_buckets: int) -> list[int]:
    """Indices of the edges to keep.

    ``cost[k][j]``: least padded tokens of the examples up to edge ``j``, with ``k`` buckets, the
    last of which ends at ``j``.
    """
    n = len(edges)
    if n <= max_buckets:
        return list(range(n))
    below = np.concatenate([[0], np.cumsum(counts)])  # examples below candidate i
    cost = (below[1:] * edges).astype(np.float64)
    came_from = np.zeros((max_buckets, n), np.int64)
    for k in range(1, max_buckets):
        # from bucket end i to bucket end j > i: cost[i] + (examples in (i, j]) · edge_j
        step = cost[:, None] + (below[None, 1:] - below[1:, None]) * edges[None, :]
        step[np.tril_indices(n)] = np.inf
        best = step.argmin(axis=0)
        improved = step[best, np.arange(n)] < cost
        came_from[k] = np.where(improved, best, -1)
        cost = np.where(improved, step[best, np.arange(n)], cost)
    return _walk_back(came_from, n)


def _walk_back(came_from: Lengths, n: int) -> list[int]:
    """Follow the choices from the last edge; ``-1`` means "as good with one bucket fewer"."""
    chosen, j, k = [n - 1], n - 1, len(came_from) - 1
    while k > 0:
        if came_from[k, j] >= 0:
            j = int(came_from[k, j])
            chosen.append(j)
        k -= 1
    return chosen[::-1]
