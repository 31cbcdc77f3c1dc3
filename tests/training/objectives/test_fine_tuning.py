"""Equations 8 and 9, against whole logits."""

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.base import create_attention_mask

from shadow_mlx.training import losses, objectives
from shadow_mlx.training.distillation import Divergence
from shadow_mlx.training.hidden_states import HiddenTargets, hidden_distance
from shadow_mlx.training.losses import gather, supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from tests.training.batches import make_batch, naive_losses


def measured(model, batch, aux_weight=0.3, differentiable=True) -> list[float]:
    """The value, then the losses."""
    objective = FineTuning(aux_weight)
    value, found = objective(model, supervised(batch), differentiable=differentiable)
    assert tuple(found) == objective.names
    return [value.item(), *(loss.item() for loss in found.values())]


def test_a_batch_without_a_trained_token_has_loss_zero(make_model):
    """One process of several can draw only padding rows."""
    assert measured(make_model(), make_batch(trained=0)) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("rows", [5, 16, 10_000], ids=["chunks", "even chunks", "one chunk"])
@pytest.mark.parametrize("compiled", [False, True])
def test_losses_and_gradients_equal_the_naive_formula(make_model, monkeypatch, rows, compiled):
    monkeypatch.setattr(losses, "chunk_rows", lambda vocabulary: rows)
    model, batch = make_model(), make_batch()

    def chunked() -> mx.array:
        return FineTuning(0.3)(model, supervised(batch), differentiable=True)[0]

    def naive() -> mx.array:
        loss, shadow = naive_losses(model, batch)
        return loss + 0.3 * shadow

    found_of = nn.value_and_grad(model, chunked)
    if compiled:
        found_of = mx.compile(found_of, inputs=model.state, outputs=model.state)
    found, found_gradients = found_of()
    expected, expected_gradients = nn.value_and_grad(model, naive)()
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    expected_by_name = dict(tree_flatten(expected_gradients))
    for name, gradient in tree_flatten(found_gradients):
        scale = mx.abs(expected_by_name[name]).max().item()
        difference = mx.abs(gradient - expected_by_name[name]).max().item()
        assert difference <= 1e-5 * max(scale, 1.0), name


def attached_states(model, inputs: mx.array) -> list[mx.array]:
    """``h`` behind each block, by equations 2 to 7 in a loop, as the final norm reads it."""
    inner, found = model.decoder.inner, []
    h, s = inner.embed_tokens(inputs), model.shadow.backbone(inputs)
    mask = create_attention_mask(h, None)
    layers = model.shadow.for_blocks(len(model.layers))
    for block, layer in zip(model.layers, layers, strict=True):
        h = block.block(layer.inject(h, s), mask, None)
        s = layer.advance(h, s)
        found.append(inner.norm(h))
    return found


def test_the_attached_model_teaches_by_the_states_behind_its_own_blocks(make_model):
    model, batch = make_model(shadow_layers=1), make_batch()
    arrays, targets = supervised(batch), HiddenTargets(0.7, (1,), (2,))

    def value() -> mx.array:
        objective = FineTuning(0.3, Divergence(), 0.0, targets)
        return objective(model, arrays, differentiable=True)[0]

    def naive() -> mx.array:
        loss, shadow = naive_losses(model, batch)
        taught = mx.stop_gradient(attached_states(model, arrays.inputs)[1])
        s0 = model.shadow.backbone(arrays.inputs)
        rows = gather(s0, arrays.positions), gather(taught, arrays.positions)
        return loss + 0.3 * shadow + 0.7 * hidden_distance(*rows, arrays.weights)

    (found, gradients), (expected, wanted) = (
        nn.value_and_grad(model, one)() for one in (value, naive)
    )
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    by_name = dict(tree_flatten(wanted))
    for name, gradient in tree_flatten(gradients):
        scale = mx.abs(by_name[name]).max().item()
        assert mx.abs(gradient - by_name[name]).max().item() <= 1e-4 * max(scale, 1.0), name


def test_scoring_equals_training_losses(make_model):
    model, batch = make_model(), make_batch()
    scored = measured(model, batch, differentiable=False)
    assert scored == pytest.approx(measured(model, batch), rel=1e-6)


def counted(function, calls: list[int]):
    def call(*args, **kwargs):
        calls.append(1)
        return function(*args, **kwargs)

    return call


@pytest.mark.parametrize("differentiable", [True, False])
def test_without_a_weight_only_scoring_runs_the_head_on_the_shadow(
    make_model, monkeypatch, differentiable
):
    calls = []
    for module, name in (
        (objectives.fine_tuning, "head_loss"),
        (objectives.shadow_loss, "head_losses"),
    ):
        monkeypatch.setattr(module, name, counted(getattr(module, name), calls))
    value, loss, shadow_loss = measured(make_model(), make_batch(), 0.0, differentiable)
    assert value == loss > 0
    assert len(calls) == 1 + (shadow_loss == shadow_loss) == 2 - differentiable
