"""Flat arrays give back the examples that went in."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.dataset import EncodedDataset, EncodingCounts, Example, histogram

examples = st.lists(
    st.lists(st.tuples(st.integers(0, 200_000), st.booleans()), min_size=1, max_size=30),
    max_size=12,
)


@settings(max_examples=80)
@given(examples)
def test_what_goes_in_comes_out(rows: list[list[tuple[int, bool]]]) -> None:
    made = [
        Example(np.array([t for t, _ in row], np.int32), np.array([m for _, m in row]), i % 2 == 1)
        for i, row in enumerate(rows)
    ]
    dataset = EncodedDataset(list(enumerate(made)))
    assert len(dataset) == len(made)
    for before, after in zip(made, dataset, strict=True):
        assert after.tokens.tolist() == before.tokens.tolist()
        assert after.tokens.dtype == np.int32
        assert after.supervised.tolist() == before.supervised.tolist()
        assert after.truncated == before.truncated
    assert dataset.lengths.tolist() == [len(e.tokens) for e in made]
    assert dataset.supervised_lengths.tolist() == [int(e.supervised.sum()) for e in made]


def test_fingerprints_tell_data_sets_apart() -> None:
    def made(tokens: list[int], mask: list[bool]) -> EncodedDataset:
        return EncodedDataset([(0, Example(np.array(tokens, np.int32), np.array(mask)))])

    one = made([1, 2, 3], [False, True, True])
    assert one.fingerprint == made([1, 2, 3], [False, True, True]).fingerprint
    assert one.fingerprint != made([1, 2, 4], [False, True, True]).fingerprint
    assert one.fingerprint != made([1, 2, 3], [False, False, True]).fingerprint


@settings(max_examples=80)
@given(examples)
def test_the_tokens_of_answers_are_counted(rows: list[list[tuple[int, bool]]]) -> None:
    made = [Example(np.array([t for t, _ in row], np.int32), np.array([m for _, m in row]))
            for row in rows]  # fmt: skip
    tokens, counts = EncodedDataset(list(enumerate(made))).answer_tokens
    expected = Counter(token for row in rows for token, trained in row if trained)
    assert dict(zip(tokens, counts, strict=True)) == expected
    assert list(counts) == sorted(counts, reverse=True)


def test_outside_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        EncodedDataset([])[0]


@settings(max_examples=80)
@given(st.lists(st.integers(1, 5000), max_size=50).map(lambda x: np.array(x, np.int64)))
def test_a_histogram_counts_everything_once(lengths: np.ndarray) -> None:
    bins = histogram(lengths)
    assert sum(count for _, _, count in bins) == len(lengths)
    assert len(bins) <= 13
    assert [b[0] for b in bins[1:]] == [b[1] + 1 for b in bins[:-1]]


def test_histogram_steps_are_round() -> None:
    assert histogram(np.array([3, 4, 17])) == [(2, 3, 1), (4, 5, 1)] + [
        (n, n + 1, 0) for n in range(6, 16, 2)
    ] + [(16, 17, 1)]


def test_notes_speak_of_what_happened_only() -> None:
    assert EncodingCounts(records=3, examples=3).notes() == []
    counts = EncodingCounts(
        truncated=1200, dropped_too_long=1, dropped_unsupervised=2, answers_cut=4
    )
    assert [note.split()[0] for note in counts.notes()] == ["1,200", "1", "2", "4"]
    assert counts.dropped == 3
