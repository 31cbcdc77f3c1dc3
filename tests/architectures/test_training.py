"""Every family: MLX records its part of a training step, or the step does without."""

from __future__ import annotations

import mlx.core as mx
import mlx.optimizers as optim
import pytest

from shadow_mlx.training.compiling import can_be_compiled
from shadow_mlx.training.losses import Supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.step import TrainingStep
from tests.architectures.matrix import BY_NAME, LENGTH, attach_tiny, build, tokens

LOOKS_AT_VALUES = {"dbrx"}


@pytest.mark.parametrize("name", BY_NAME)
def test_the_step_is_compiled_where_that_can_be(name: str) -> None:
    family = BY_NAME[name]
    model = attach_tiny(family, build(family.config)).train()
    mx.enable_compile()  # recorded only: no kernel is built
    assert can_be_compiled(model) == (name not in LOOKS_AT_VALUES)


def test_what_cannot_be_compiled_trains_all_the_same() -> None:
    family = BY_NAME["dbrx"]
    model = attach_tiny(family, build(family.config)).train()
    mx.enable_compile()
    step = TrainingStep(model, optim.MultiOptimizer([optim.SGD(0.1)]), FineTuning(1.0))
    assert not step.is_compiled
    ones = mx.ones((4,))
    batch = Supervised(
        tokens(LENGTH, seed=8), mx.arange(4), mx.array([1, 2, 3, 4]), weights=ones, labels=ones
    )
    losses = [step.finish(step.start(i, [batch], 4, [0.0, 4.0])).value for i in range(1, 6)]
    assert losses[-1] < losses[0]
