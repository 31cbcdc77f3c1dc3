import dataclasses
import math

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.shadow.attached import attach
from shadow_mlx.training.losses import Supervised, supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.optimizers import build_optimizer
from shadow_mlx.training.step import TrainingStep, seed_of
from tests.tiny import write_tiny_backbone
from tests.training.batches import make_batch


def make_step(model, **options) -> TrainingStep:
    config = TrainConfig(
        learning_rate=1e-2,
        warmup=0,
        weight_decay=0.0,
        optimizer=options.pop("optimizer", "adamw"),
    )
    objective = FineTuning(options.pop("aux_weight", 0.3))
    return TrainingStep(model, build_optimizer(config, 100), objective, **options)


def random_batch(**shape: int) -> Supervised:
    return supervised(make_batch(**shape))


def do(step: TrainingStep, number: int, batches: list[Supervised], tokens: int):
    return step.finish(step.start(number, batches, tokens, [0.0, 1.0]))


def weights_of(model) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in tree_flatten(model.trainable_parameters())}


def largest_difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def test_the_loss_falls_on_one_batch(make_model):
    step = make_step(make_model())
    batch = random_batch()
    first = do(step, 1, [batch], 20)
    for number in range(2, 40):
        last = do(step, number, [batch], 20)
    assert all(last.losses[name] < 0.5 * first.losses[name] for name in ("loss", "shadow_loss"))


def test_only_the_shadow_changes(make_model):
    model = make_model()
    before = {name: np.array(v) for name, v in tree_flatten(model.backbone.parameters())}
    do(make_step(model), 1, [random_batch()], 20)
    after = {name: np.array(v) for name, v in tree_flatten(model.backbone.parameters())}
    assert largest_difference(before, after) == 0.0


def test_accumulation_weighs_by_tokens(make_model):
    """Windows of unequal batches train as one batch of all their tokens (mean of means would not).

    With SGD, so that a difference in scale shows.
    """
    one, other = random_batch(trained=20, seed=1), random_batch(trained=4, seed=2)
    joined = Supervised(
        mx.concatenate([one.inputs, other.inputs]),
        mx.concatenate([one.positions[:20], other.positions[:4] + 4 * 16]),
        mx.concatenate([one.targets[:20], other.targets[:4]]),
        mx.ones(24),
        mx.ones(24),
    )
    found, expected = make_model(), make_model()
    accumulated = do(make_step(found, optimizer="sgd"), 1, [one, other], 24)
    whole = do(make_step(expected, optimizer="sgd"), 1, [joined], 24)
    assert accumulated.value == pytest.approx(whole.value, rel=1e-6)
    assert accumulated.gradient_norm == pytest.approx(whole.gradient_norm, rel=1e-5)
    assert largest_difference(weights_of(found), weights_of(expected)) < 1e-6


def test_clipping_bounds_the_update_and_reports_the_norm_before(make_model):
    model = make_model()
    before = weights_of(model)
    result = do(make_step(model, optimizer="sgd", clip=1e-3), 1, [random_batch()], 20)
    moved = math.sqrt(
        sum(float(((value - before[name]) ** 2).sum()) for name, value in weights_of(model).items())
    )
    assert result.gradient_norm > 0.1
    assert moved == pytest.approx(1e-2 * 1e-3, rel=0.05)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_step_that_is_not_finite_changes_nothing(make_model, accumulated):
    model = make_model()
    step = make_step(model)
    good = random_batch()
    do(step, 1, [good] * accumulated, 20 * accumulated)
    weights = weights_of(model)
    moments = {name: np.array(value) for name, value in tree_flatten(step.optimizer.state)}
    poisoned = dataclasses.replace(good, labels=mx.full(good.labels.shape, mx.nan))
    result = do(step, 2, [poisoned] * accumulated, 20)
    assert not result.finite
    assert largest_difference(weights, weights_of(model)) == 0.0
    after = {name: np.array(value) for name, value in tree_flatten(step.optimizer.state)}
    assert all(np.array_equal(moments[name], after[name]) for name in moments)
    assert do(step, 2, [good] * accumulated, 20 * accumulated).finite


def test_one_trace_for_each_shape(make_model):
    step = make_step(make_model())
    for number in range(1, 13):
        do(step, number, [random_batch(width=16 if number % 2 else 24, seed=number)], 20)
    assert step.traces == 2
    for number in range(13, 19):
        do(step, number, [random_batch(seed=number)] * (2 + number % 2), 40 + 20 * (number % 2))
    assert step.traces == 4  # the first batch of a window, and the others


def test_dropout_depends_on_the_step_and_on_nothing_before_it(make_model):
    batch = random_batch()
    steps = [make_step(make_model(dropout=0.5), seed=3) for _ in range(3)]
    mx.random.seed(99)
    first = do(steps[0], 5, [batch], 20)
    mx.random.normal((100,))
    again = do(steps[1], 5, [batch], 20)
    other = do(steps[2], 6, [batch], 20)
    assert first == again
    assert first.value != other.value


def test_seeds_differ_by_run_step_and_process():
    seeds = {seed_of(s, n, r) for s in range(3) for n in range(3) for r in range(3)}
    assert len(seeds) == 27
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_a_loss_that_is_not_computed_is_no_failure(make_model):
    result = do(make_step(make_model(), aux_weight=0.0), 1, [random_batch()], 20)
    assert result.finite
    assert math.isnan(result.losses["shadow_loss"])


@pytest.mark.parametrize("sharing", ["update", "depth", "layer"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_checkpointing_of_gradients_changes_no_update(make_model, sharing, dropout):
    """With dropout too: the recomputed forward pass must drop the same elements."""
    found, expected = (make_model(sharing=sharing, dropout=dropout) for _ in range(2))
    found.recompute_activations()
    results = [
        do(make_step(model, optimizer="sgd", seed=1), 1, [random_batch(trained=64)], 64)
        for model in (found, expected)
    ]
    assert results[0].value == pytest.approx(results[1].value, rel=1e-6)
    assert results[0].gradient_norm == pytest.approx(results[1].gradient_norm, rel=1e-5)
    assert largest_difference(weights_of(found), weights_of(expected)) < 1e-6


def test_checkpointing_of_gradients_needs_less_memory(tmp_path):
    """Of twelve blocks only ``(h, s)`` is kept."""
    folder = write_tiny_backbone(tmp_path / "deep", num_hidden_layers=12)
    batch = random_batch(rows=16, width=128, trained=16)

    def peak(recompute: bool) -> int:
        model = attach(*load_model(folder), ShadowConfig(rank=4))
        model.recompute_activations(recompute)
        model.train()
        step = make_step(model)
        mx.eval(model.parameters(), batch.arrays())
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        do(step, 1, [batch], 16)
        return mx.get_peak_memory() - before

    assert peak(True) < 0.7 * peak(False)


def _fits_groups_of_32(name: str, layer: nn.Module) -> bool:
    return hasattr(layer, "to_quantized") and "down_proj" not in name


@pytest.mark.parametrize("kind", ["bfloat16", "4 bits"])
def test_any_kind_of_backbone_trains_a_float32_shadow(tiny_backbone, kind):
    backbone, config = load_model(tiny_backbone)
    if kind == "4 bits":
        nn.quantize(backbone, 32, 4, class_predicate=_fits_groups_of_32)
    else:
        backbone.set_dtype(mx.bfloat16)
    model = attach(backbone, config, ShadowConfig(rank=4))
    model.train()
    step = make_step(model)
    first = do(step, 1, [random_batch()], 20)
    for number in range(2, 10):
        last = do(step, number, [random_batch()], 20)
    assert last.finite
    assert last.value < 0.9 * first.value
    assert {w.dtype for _, w in tree_flatten(model.trainable_parameters())} == {mx.float32}
