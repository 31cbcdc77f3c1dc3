"""Every family: examples that share rows train as each by itself, or packing is refused."""

from __future__ import annotations

from itertools import islice

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.data import packing
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset, Example
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.objective import measure
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.packing import packed
from tests.architectures.families import WINDOW
from tests.architectures.matrix import (
    BY_NAME,
    attach_tiny,
    build,
    difference,
    perturb,
    tokens,
)

GRADIENT_TOLERANCE = 1e-3  # sums in another order, backwards; what leaks makes 1e-2 or more
LEAST = 1e-3  # of the largest gradient of all: sums of what nearly cancels have no digits left
PACKED = [name for name, family in BY_NAME.items() if family.apart is None]
APART = [name for name, family in BY_NAME.items() if family.apart is not None]
LENGTHS = (5, 13, 4, 10, 5, 9, 3, 3)  # tokens; a window is shorter than some, and so are rows


@pytest.fixture(autouse=True)
def _short_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "ATTENTION_TOKENS", 8)


def plan_of_examples() -> BatchPlan:
    """One batch of examples whose tokens are trained in part."""
    examples = []
    for i, n in enumerate(LENGTHS):
        mask = np.arange(n) % 3 > 0
        mask[-1] = True
        examples.append((i, Example(np.array(tokens(n, seed=n + i)[0]), mask)))
    return BatchPlan(EncodedDataset(examples), len(LENGTHS))


def model_of(name: str) -> AttachedModel:
    family = BY_NAME[name]
    model = attach_tiny(family, build(family.config))
    perturb(model.shadow, seed=2, scale=0.2)
    return model.train()


def trained_on(model: AttachedModel, plan: BatchPlan) -> dict[str, mx.array]:
    """The losses and every gradient of the plan's first batch."""
    (batch,) = islice(plan.iterate(), 1)
    arrays = supervised(batch).arrays()
    objective = FineTuning(0.3)

    def loss(trained: AttachedModel) -> tuple[mx.array, mx.array]:
        return measure(objective, trained, arrays, differentiable=True)

    (_, losses), gradients = nn.value_and_grad(model, loss)(model)
    mx.eval(losses, gradients)
    return {"losses": losses, **dict(tree_flatten(gradients))}


@pytest.mark.parametrize("name", PACKED)
def test_losses_and_gradients_are_those_of_each_example_alone(name: str) -> None:
    model, plan = model_of(name), plan_of_examples()
    together = packed(plan, model, None)
    (batch,) = islice(together.iterate(), 1)
    assert len(batch.inputs) < len(batch.examples) == len(LENGTHS)  # some rows hold several
    assert max(LENGTHS) > WINDOW
    expected, found = trained_on(model, plan), trained_on(model, together)
    least = LEAST * max(float(mx.abs(value).max()) for value in expected.values())
    for key, value in expected.items():
        unit = max(float(mx.abs(value).max()), least)
        assert float(mx.abs(found[key] - value).max()) < GRADIENT_TOLERANCE * unit, key


@pytest.mark.parametrize("name", APART)
def test_what_would_mix_the_examples_of_a_row_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--packing: .* cannot keep the examples of a row apart"):
        packed(plan_of_examples(), model_of(name), None)


@pytest.mark.parametrize("name", ["qwen3", "gemma3_text"])
def test_recomputed_activations_change_nothing(name: str) -> None:
    model, plan = model_of(name), plan_of_examples()
    together = packed(plan, model, None)
    expected = trained_on(model, together)
    model.recompute_activations()
    for key, value in trained_on(model, together).items():
        assert difference(value, expected[key]) < GRADIENT_TOLERANCE, key
