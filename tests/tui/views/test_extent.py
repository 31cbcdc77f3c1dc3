"""The form's words for a run's length, against the plan that training draws its batches from."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset, Example
from shadow_mlx.data.reading.splits import split_indices
from shadow_mlx.training.length import run_length
from shadow_mlx.words import counted
from tui.views.extent import extent
from tui.views.pace import StepPace

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
        examples = f"{counted(len(train), 'example')} to learn from, {len(valid):,} to validate"
        assert said.examples == examples
        verb = "is" if steps == 1 else "are"
        assert said.length.startswith(f"{counted(steps, 'step')} of {batch * accumulation} {verb}")
        assert ("no validation" in said.length) == (not len(valid))
        assert said.time == ""


def test_a_step_that_was_tried_tells_the_time() -> None:
    config = TrainConfig(batch_size=8, iters=300, steps_per_eval=100, val_batches=6)
    pace = StepPace(0.5)  # a batch of a validation has no backward pass
    said = extent(config, (1000, 100), pace).time
    assert said == "About 2 min 34 s, from a step that was tried here."  # 150 + 4 × 6 / 3 × 0.5
    more = dataclasses.replace(config, grad_accumulation_steps=2, val_batches=0)
    assert extent(more, (1000, 100), pace).time.startswith("About 5 min 00 s")
