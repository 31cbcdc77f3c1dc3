"""Batches: every example once an epoch, few shapes, exact resume, ranks that add up."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.batches import Batch, BatchPlan
from shadow_mlx.data.dataset import EncodedDataset, Example
from shadow_mlx.errors import DataError


def dataset_of(lengths: list[int], seed: int = 0) -> EncodedDataset:
    """Examples whose tokens tell where they come from; a random part of them is trained."""
    rng = np.random.default_rng(seed)
    examples = []
    for i, n in enumerate(lengths):
        mask = rng.random(n) < 0.4
        mask[0], mask[-1] = False, True
        examples.append((i, Example(np.full(n, i + 1, np.int32), mask)))
    return EncodedDataset(examples)


def rows(batch: Batch) -> list[tuple[list[int], list[int], list[float]]]:
    return list(
        zip(batch.inputs.tolist(), batch.targets.tolist(), batch.weights.tolist(), strict=True)
    )


lengths = st.lists(st.integers(2, 300), min_size=1, max_size=60)
sizes = st.integers(1, 9)


@settings(max_examples=80)
@given(lengths=lengths, size=sizes, seed=st.integers(0, 3), shuffle=st.booleans())
def test_every_example_once_an_epoch(
    lengths: list[int], size: int, seed: int, shuffle: bool
) -> None:
    dataset = dataset_of(lengths)
    plan = BatchPlan(dataset, size, seed=seed, shuffle=shuffle)
    batches = list(plan.iterate(epochs=2))
    assert len(batches) == 2 * plan.batches_per_epoch == 2 * -(-len(lengths) // size)
    for epoch in (0, 1):
        part = batches[epoch * len(batches) // 2 : (epoch + 1) * len(batches) // 2]
        seen = np.concatenate([batch.examples for batch in part])
        assert sorted(seen.tolist()) == list(range(len(lengths)))
        assert sum(b.tokens for b in part) == dataset.supervised_lengths.sum()
        assert sum(len(b.examples) < size for b in part) <= 1
    assert len({batch.inputs.shape for batch in batches}) <= 12
    for batch in batches:
        assert batch.inputs.shape == batch.targets.shape == batch.weights.shape
        assert batch.inputs.shape[0] == size
        assert batch.tokens == batch.global_tokens == batch.weights.sum() > 0


@settings(max_examples=40)
@given(lengths=lengths, size=sizes)
def test_rows_are_the_examples_shifted_by_one(lengths: list[int], size: int) -> None:
    dataset = dataset_of(lengths)
    for batch in BatchPlan(dataset, size).iterate(epochs=1):
        for row, index in enumerate(batch.examples):
            example = dataset[int(index)]
            n = len(example.tokens) - 1
            assert batch.inputs[row, :n].tolist() == example.tokens[:-1].tolist()
            assert batch.targets[row, :n].tolist() == example.tokens[1:].tolist()
            assert batch.weights[row, :n].astype(bool).tolist() == example.supervised[1:].tolist()
            assert not batch.weights[row, n:].any()
        assert not batch.weights[len(batch.examples) :].any()


@settings(max_examples=40)
@given(
    lengths=lengths,
    size=sizes,
    stop=st.integers(1, 40),
    seed=st.integers(0, 3),
    shuffle=st.booleans(),
)
def test_a_saved_cursor_goes_on_exactly(
    lengths: list[int], size: int, stop: int, seed: int, shuffle: bool
) -> None:
    dataset = dataset_of(lengths)
    plan = BatchPlan(dataset, size, seed=seed, shuffle=shuffle)
    whole = list(islice(plan.iterate(), stop + 5))
    cursor = json.loads(json.dumps(whole[stop - 1].cursor))
    again = BatchPlan(dataset_of(lengths), size, seed=seed, shuffle=shuffle)
    resumed = list(islice(again.iterate(cursor), 5))
    assert [rows(b) for b in resumed] == [rows(b) for b in whole[stop:]]
    assert [b.cursor for b in resumed] == [b.cursor for b in whole[stop:]]


@settings(max_examples=40)
@given(lengths=lengths, share=st.integers(1, 3), world=st.integers(1, 4), seed=st.integers(0, 3))
def test_ranks_together_are_one_process(
    lengths: list[int], share: int, world: int, seed: int
) -> None:
    dataset, size = dataset_of(lengths), share * world
    alone = BatchPlan(dataset, size, seed=seed).iterate(epochs=1)
    plans = [BatchPlan(dataset, size, seed=seed, rank=r, world=world) for r in range(world)]
    ranks = [plan.iterate(epochs=1) for plan in plans]
    for single, *parts in zip(alone, *ranks, strict=True):
        assert {part.inputs.shape for part in parts} == {(share, single.inputs.shape[1])}
        assert sorted(r for part in parts for r in rows(part)) == sorted(rows(single))
        assert sum(part.tokens for part in parts) == single.tokens
        assert {part.global_tokens for part in parts} == {single.tokens}
        assert {json.dumps(part.cursor) for part in parts} == {json.dumps(single.cursor)}


def order(**plan: Any) -> list[list[int]]:
    dataset = dataset_of([2 + i * 7 % 90 for i in range(50)])
    return [b.examples.tolist() for b in BatchPlan(dataset, 4, **plan).iterate(epochs=2)]


def test_the_order_depends_on_seed_and_epoch() -> None:
    assert order(seed=1) == order(seed=1)
    assert order(seed=1) != order(seed=2)
    first, second = order(seed=1)[:13], order(seed=1)[13:]
    assert first != second
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))  # other company, too


def test_the_order_is_the_same_on_every_machine() -> None:
    dataset = dataset_of([5] * 8)
    found = [b.examples.tolist() for b in BatchPlan(dataset, 3, seed=7).iterate(epochs=1)]
    assert found == [[0, 5, 6], [1, 2, 3], [7, 4]]


def test_without_shuffling_the_files_order_is_kept_as_far_as_buckets_allow() -> None:
    dataset = dataset_of([10, 100, 11, 101, 12, 102, 13, 103])
    found = [b.examples.tolist() for b in BatchPlan(dataset, 2, shuffle=False).iterate(epochs=1)]
    assert found == [[0, 2], [1, 3], [4, 6], [5, 7]]
    equal = dataset_of([20] * 7)
    found = [b.examples.tolist() for b in BatchPlan(equal, 3, shuffle=False).iterate(epochs=1)]
    assert found == [[0, 1, 2], [3, 4, 5], [6]]


def test_padding_is_small() -> None:
    rng = np.random.default_rng(0)
    dataset = dataset_of((2 + rng.gamma(2.0, 60.0, 600)).astype(int).tolist())

    def share(**plan: Any) -> float:
        cells = sum(b.inputs.size for b in BatchPlan(dataset, 8, **plan).iterate(epochs=1))
        return 1 - float((dataset.lengths - 1).sum()) / cells

    assert 0 < share() < 0.15
    assert share(max_buckets=1) > 0.5


def test_what_cannot_be_batched_is_refused() -> None:
    with pytest.raises(DataError, match="no example"):
        BatchPlan(EncodedDataset([]), 4)
    with pytest.raises(DataError, match="take a multiple of 3"):
        BatchPlan(dataset_of([5]), 4, world=3)
    with pytest.raises(DataError, match="Were the data changed"):
        next(BatchPlan(dataset_of([5] * 8), 4).iterate({"epoch": 0, "position": 2}))
    untrained = Example(np.arange(3, dtype=np.int32), np.zeros(3, np.bool_))
    with pytest.raises(ValueError, match="trained token"):
        BatchPlan(EncodedDataset([(0, untrained)]), 4)
