"""The form's words for a run's length, against the plan that training draws its batches from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset, Example
from shadow_mlx.data.reading.splits import split_indices
from shadow_mlx.training.length import run_length
from tui.views.extent import extent
from tui.views.words import counted

LENGTHS = [{}, {"iters": 7}, {"epochs": 0.3}, {"epochs": 2.5}]


@pytest.mark.parametrize("length", LENGTHS, ids=str)
def test_the_form_tells_the_steps_that_training_makes(length: dict[str, float]) -> None:
    for records, fraction, batch, accumulation in itertools.product(
        (2, 9, 40, 1_001), (0.0, 0.1, 0.5), (1, 8), (1, 3)
    ):
        config = TrainConfig(
            **length,
            valid_fraction=fraction,
            batch_size=batch,
            grad_accumulation_steps=accumulation,
        )
        train, valid = split_indices(records, fraction, 0)
        example = Example(np.zeros(3, np.int32), np.ones(3, bool))
        plan = BatchPlan(EncodedDataset((i, example) for i in range(len(train))), batch)
        steps = run_length(config, plan.batches_per_epoch).steps
        said = extent(config, (records, 0))
        assert f"{counted(len(train), 'example')} to learn from, {len(valid):,} to vali" in said
        verb = "is" if steps == 1 else "are"
        assert f": {counted(steps, 'step')} of {batch * accumulation} {verb}" in said
        assert ("no validation" in said) == (not len(valid))
