"""Packed batches: every example once, rows kept short, few shapes, exact resume, ranks."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data import packing
from shadow_mlx.data.batches import Batch, BatchPlan
from shadow_mlx.data.packing import PackedPlan, shared_out
from tests.data.test_batches import dataset_of

lengths = st.lists(st.integers(2, 150), min_size=1, max_size=60)
sizes = st.integers(1, 9)
plans = given(lengths=lengths, size=sizes, seed=st.integers(0, 3), shuffle=st.booleans())


@pytest.fixture(autouse=True, scope="module")
def _short_rows() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "ATTENTION_TOKENS", 64)
        yield


def pieces(batch: Batch) -> list[tuple[list[int], list[int], list[float]]]:
    """Inputs, targets and weights of each example, by the starts of the rows."""
    found = []
    for row, starts in enumerate(batch.starts):
        for begin in np.unique(starts):
            here = slice(begin, begin + int((starts == begin).sum()))
            parts = (batch.inputs[row, here], batch.targets[row, here], batch.weights[row, here])
            if parts[0].any():  # what is not padding
                n = int(np.flatnonzero(parts[0])[-1]) + 1
                found.append(tuple(part[:n].tolist() for part in parts))
    return found


@settings(max_examples=60, deadline=None)
@plans
def test_every_example_once_an_epoch_and_whole(
    lengths: list[int], size: int, seed: int, shuffle: bool
) -> None:
    dataset = dataset_of(lengths)
    plan = PackedPlan(dataset, size, seed=seed, shuffle=shuffle)
    batches = list(plan.iterate(epochs=2))
    assert len(batches) == 2 * plan.batches_per_epoch == 2 * -(-len(lengths) // size)
    for epoch in (0, 1):
        part = batches[epoch * len(batches) // 2 : (epoch + 1) * len(batches) // 2]
        seen = np.concatenate([batch.examples for batch in part])
        assert sorted(seen.tolist()) == list(range(len(lengths)))
        assert sum(b.tokens for b in part) == dataset.supervised_lengths.sum()
        if shuffle:
            counts = {len(batch.examples) for batch in part}
            assert max(counts) - min(counts) <= 1
    for batch in batches:
        assert 0 < len(batch.examples) <= size
        assert batch.tokens == batch.global_tokens == batch.weights.sum() > 0
        for index, (inputs, targets, weights) in zip(batch.examples, pieces(batch), strict=True):
            example = dataset[int(index)]
            assert inputs == example.tokens[:-1].tolist()
            assert targets == example.tokens[1:].tolist()
            assert weights == example.supervised[1:].astype(float).tolist()


def filled(batch: Batch) -> list[int]:
    """Tokens of each row."""
    return [int((row > 0).sum()) for row in batch.inputs]


@settings(max_examples=60, deadline=None)
@given(lengths=lengths, size=sizes, alike=st.none() | st.integers(1, 80))
def test_rows_are_short_and_shapes_are_few(
    lengths: list[int], size: int, alike: int | None
) -> None:
    plan = PackedPlan(dataset_of(lengths), size)
    plan.alike = alike
    batches = list(plan.iterate(epochs=3))
    rungs = 2 * size.bit_length()
    assert len({batch.inputs.shape for batch in batches}) <= 12 + 2 * rungs
    for batch in batches:
        longest = int(plan.widths[batch.examples].max())
        rows, width = batch.inputs.shape
        assert width <= packing.longest_row(size * packing.work(int(plan.widths.max())) / rows)
        work = rows * packing.work(int(np.max(filled(batch))))
        assert work <= size * packing.work(longest)  # each in a row of its own
        at = 0
        for starts, inputs in zip(batch.starts, batch.inputs, strict=True):
            members = len(np.unique(starts[inputs > 0]))
            load = int(plan.widths[batch.examples[at : at + members]].sum())
            assert alike is None or load <= alike or members == 1
            at += members


@settings(max_examples=40, deadline=None)
@plans
def test_a_saved_cursor_goes_on_exactly(
    lengths: list[int], size: int, seed: int, shuffle: bool
) -> None:
    plan = PackedPlan(dataset_of(lengths), size, seed=seed, shuffle=shuffle)
    whole = list(islice(plan.iterate(), 12))
    cursor = json.loads(json.dumps(whole[6].cursor))
    again = PackedPlan(dataset_of(lengths), size, seed=seed, shuffle=shuffle)
    for found, expected in zip(islice(again.iterate(cursor), 5), whole[7:], strict=True):
        assert found.cursor == expected.cursor
        for name in ("inputs", "targets", "weights", "starts", "examples"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))


@settings(max_examples=40, deadline=None)
@given(lengths=lengths, share=st.integers(1, 3), world=st.integers(1, 4), seed=st.integers(0, 3))
def test_ranks_share_the_examples_of_each_batch(
    lengths: list[int], share: int, world: int, seed: int
) -> None:
    dataset, size = dataset_of(lengths), share * world
    alone = PackedPlan(dataset, size, seed=seed).iterate(epochs=1)
    plans = [PackedPlan(dataset, size, seed=seed, rank=r, world=world) for r in range(world)]
    for single, *parts in zip(alone, *(plan.iterate(epochs=1) for plan in plans), strict=True):
        assert len({part.inputs.shape for part in parts}) == 1
        together = np.concatenate([part.examples for part in parts])
        assert sorted(together.tolist()) == sorted(single.examples.tolist())
        assert sum(part.tokens for part in parts) == single.tokens
        assert {part.global_tokens for part in parts} == {single.tokens}
        assert {json.dumps(part.cursor) for part in parts} == {json.dumps(single.cursor)}


def order(**plan: Any) -> list[list[int]]:
    dataset = dataset_of([2 + i * 7 % 90 for i in range(50)])
    return [b.examples.tolist() for b in PackedPlan(dataset, 4, **plan).iterate(epochs=2)]


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else() -> None:
    assert order(seed=1) == order(seed=1)
    assert order(seed=1) != order(seed=2)
    first, second = order(seed=1)[:13], order(seed=1)[13:]
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))  # other company, too


def test_without_shuffling_the_files_order_is_kept() -> None:
    found = [sorted(examples) for examples in order(shuffle=False)]
    assert found[:2] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert found[12] == [48, 49]


def test_batches_are_about_equally_large_whatever_is_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The padding of mixed lengths: with packing less than a twentieth, without more than half."""
    monkeypatch.setattr(packing, "ATTENTION_TOKENS", 2048)
    generator = np.random.default_rng(0)
    dataset = dataset_of(np.clip(generator.lognormal(3, 0.6, 400), 2, 400).astype(int).tolist())
    plan = PackedPlan(dataset, 8)
    cells = sum(batch.inputs.size for batch in plan.iterate(epochs=1))
    mixed = sum(8 * int(plan.widths[examples].max()) for examples in plan.epoch(0))
    assert plan.widths.sum() > 0.95 * cells
    assert plan.widths.sum() < 0.5 * mixed
    spread = [int(plan.widths[examples].sum()) for examples in plan.epoch(0)]
    by_chance = generator.permutation(plan.widths).reshape(-1, 8).sum(1)
    assert np.std(spread) < 0.8 * np.std(by_chance)


def test_the_emptiest_row_takes_the_next_longest() -> None:
    found = shared_out(np.array([2, 9, 4, 4, 1]), 2)
    assert [row.tolist() for row in found] == [[1, 4], [0, 2, 3]]
    assert [row.tolist() for row in shared_out(np.array([5]), 3)] == [[0], [], []]


def test_unpacked_rows_have_no_starts() -> None:
    (batch,) = islice(BatchPlan(dataset_of([3, 5]), 2).iterate(), 1)
    assert batch.starts.size == 0
