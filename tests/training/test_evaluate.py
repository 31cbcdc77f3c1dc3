import numpy as np
import pytest

from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset, Example
from shadow_mlx.training.evaluate import Validator
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from tests.training.batches import naive_losses


def dataset(count: int = 11, seed: int = 0) -> EncodedDataset:
    generator = np.random.default_rng(seed)
    examples = []
    for i in range(count):
        size = int(generator.integers(4, 20))
        mask = generator.random(size) < 0.5
        mask[0], mask[-1] = False, True
        examples.append((i, Example(generator.integers(0, 200, size).astype(np.int32), mask)))
    return EncodedDataset(examples)


def test_mean_over_tokens_not_over_batches(make_model):
    model = make_model()
    plan = BatchPlan(dataset(), 4, seed=1)
    found = Validator(model, FineTuning(0.3), plan, -1)()
    pairs = [naive_losses(model, batch) for batch in plan.iterate(epochs=1)]
    tokens = sum(batch.global_tokens for batch in plan.iterate(epochs=1))
    assert found is not None
    assert found.tokens == tokens
    loss, shadow_loss = (sum(x.item() for x in sums) / tokens for sums in zip(*pairs, strict=True))
    expected = {"loss": loss, "shadow_loss": shadow_loss}
    assert found.losses == pytest.approx(expected, rel=1e-5)
    assert found.value == pytest.approx(loss + 0.3 * shadow_loss, rel=1e-5)


def test_the_same_batches_every_time_and_without_dropout(make_model):
    model = make_model(dropout=0.5)
    validator = Validator(model, FineTuning(0.3), BatchPlan(dataset(), 4), 2)
    assert validator() == validator()
    assert model.training


def test_it_can_be_abandoned(make_model):
    model = make_model()
    assert Validator(model, FineTuning(0.3), BatchPlan(dataset(), 4), -1)(lambda: True) is None
    assert model.training
