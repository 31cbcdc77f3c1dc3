"""The batches that packing is compared with are those of mlx-lm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mlx_lm.tuner.trainer import iterate_batches

from benchmarks.packing import WAYS, MlxLmPlan, SortedPlan, fair_sample, padding, table
from shadow_mlx.config import TrainConfig
from tests.data.test_batches import dataset_of

LENGTHS = [5 + 37 * i % 130 for i in range(43)]


def test_the_sorted_ones_are_what_its_trainer_makes_of_lists_of_tokens() -> None:
    dataset = dataset_of(LENGTHS)  # an example's tokens are its number
    examples = [(dataset[i].tokens.tolist(), 0) for i in range(len(dataset))]
    theirs = [np.array(batch) for batch, _ in iterate_batches(examples, 4, 2048)]
    ours = list(SortedPlan(dataset, 4).iterate(epochs=1))
    expected = sorted((sorted(rows[:, 0].tolist()), rows.shape[1] - 1) for rows in theirs)
    found = sorted((sorted(b.inputs[:, 0].tolist()), b.inputs.shape[1]) for b in ours)
    assert found == expected


def test_padding_is_least_packed_and_most_unsorted() -> None:
    dataset = dataset_of(LENGTHS * 4)
    shares = {name: padding(kind(dataset, 4)) for name, kind in WAYS.items()}
    assert shares["packed"] < shares["as mlx-lm pads, sorted"] < shares["as mlx-lm pads"]
    assert min(shares.values()) > 0


def test_a_sample_is_as_large_as_the_whole() -> None:
    batches = list(SortedPlan(dataset_of(LENGTHS * 4), 4).iterate(epochs=1))
    some = fair_sample(batches, 6)
    assert len(some) == 6
    whole = np.mean([batch.inputs.size for batch in batches])
    assert abs(np.mean([batch.inputs.size for batch in some]) - whole) < 0.1 * whole
    assert len(fair_sample(batches[:3], 6)) == 3


def test_what_does_not_fill_a_batch_is_left_out_as_it_is_there() -> None:
    assert len(MlxLmPlan(dataset_of(LENGTHS), 4).epoch(0)) == 10


def test_a_table_compares_all_ways_with_the_first(tiny_backbone: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(f'{{"text": "{"ab" * n}"}}\n' for n in range(1, 13)))
    config = TrainConfig(model=str(tiny_backbone), data=str(data), batch_size=4, rank=4)
    lines = table(config, 2, 100).splitlines()
    assert len(lines) == 3 + len(WAYS)
    assert lines[3].endswith("| 1.00 |")
