"""The chosen lengths are the best ones: compared with trying all choices."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.buckets import MAX_CANDIDATES, bucket_edges


def padded(lengths: np.ndarray, edges: np.ndarray) -> int:
    return int(edges[np.searchsorted(edges, lengths)].sum())


@settings(max_examples=80)
@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=40).map(np.array),
    buckets=st.integers(1, 4),
)
def test_no_other_edges_pad_less(lengths: np.ndarray, buckets: int) -> None:
    edges = bucket_edges(lengths, buckets)
    assert len(edges) <= buckets
    assert edges[-1] >= lengths.max()
    assert edges[-1] - lengths.max() < 8
    assert (np.diff(edges) > 0).all()
    assert (edges % 8 == 0).all()
    rounded = np.unique(-(-lengths // 8) * 8)
    count = min(buckets, len(rounded))
    choices = [np.array([*c, rounded[-1]]) for c in combinations(rounded[:-1], count - 1)]
    assert padded(lengths, edges) == min(padded(lengths, choice) for choice in choices)


@pytest.mark.parametrize("longest", [100, 5_000, 200_000])
def test_long_data_stay_cheap(longest: int) -> None:
    lengths = np.arange(1, longest, max(1, longest // 3000))
    edges = bucket_edges(lengths)
    assert len(edges) == 12
    assert edges[-1] - lengths.max() <= 8 * max(1, 2 * longest // (8 * MAX_CANDIDATES))
    assert lengths.sum() / padded(lengths, edges) > 0.9


def test_no_lengths_no_edges() -> None:
    assert len(bucket_edges(np.zeros(0, np.int64))) == 0
