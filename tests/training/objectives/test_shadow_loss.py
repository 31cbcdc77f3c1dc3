"""What the shadow is trained for by itself: the value, its gradients, and the weights."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.base import create_attention_mask

from shadow_mlx.training.distillation import (
    Distillation,
    Divergence,
    HeadTeacher,
)
from shadow_mlx.training.hidden_states import NO_TARGETS, HiddenTargets, hidden_distance
from shadow_mlx.training.losses import gather, supervised
from shadow_mlx.training.objective import Ramp
from shadow_mlx.training.objectives.pretraining import Pretraining
from shadow_mlx.training.teachers import base_teacher
from tests.training.batches import make_batch, naive_losses

DIVERGENCE = Divergence(2.0, 0.3)
LAST = HiddenTargets(1.0, (1,), (3,))


def behind(inner, inputs: mx.array, count: int) -> mx.array:
    """The state behind so many blocks, by an explicit loop, as the final norm reads it."""
    h = inner.embed_tokens(inputs)
    mask = create_attention_mask(h, None)
    for layer in inner.layers[:count]:
        h = layer(h, mask, None)
    return inner.norm(h)


def pulled(model, arrays, targets: HiddenTargets) -> mx.array:
    """The distance of a narrower shadow's states from the base model's, pair by pair."""
    network, sums = model.shadow.backbone, []
    for layer, block in zip(targets.layers, targets.blocks, strict=True):
        state = network.projection(behind(network.inner, arrays.inputs, layer))
        taught = mx.stop_gradient(behind(model.decoder.inner, arrays.inputs, block))
        rows = (gather(state, arrays.positions), gather(taught, arrays.positions))
        sums.append(hidden_distance(*rows, arrays.weights))
    return sum(sums) / max(len(sums), 1)


def naive(model, batch, distill_weight: float, targets: HiddenTargets) -> mx.array:
    """The same over whole logits, without chunks."""
    arrays = supervised(batch)
    shadow = naive_losses(model, batch)[1]
    h = gather(model.decoder.final_hidden(arrays.inputs), arrays.positions)
    s0 = gather(model.shadow.backbone(arrays.inputs), arrays.positions)
    apart = DIVERGENCE.between(model.head(h), model.head(s0))
    return (
        0.5 * shadow
        + distill_weight * (apart * arrays.weights).sum()
        + targets.weight * pulled(model, arrays, targets)
    )


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "targets",
    [NO_TARGETS, HiddenTargets(0.7, (2,), (3,)), HiddenTargets(0.7, (1, 2), (2, 1))],
)
def test_value_and_gradients_equal_the_naive_formula(make_model, targets, compiled):
    batch = make_batch()
    model = make_model(shadow_layers=2, shadow_hidden_size=16, shadow_heads=2)
    taught = Distillation(base_teacher(model.backbone), DIVERGENCE)
    objective = Pretraining(0.5, taught, 0.2, targets)
    find = nn.value_and_grad(
        model, lambda: objective(model, supervised(batch), differentiable=True)[0]
    )
    if compiled:
        find = mx.compile(find, inputs=[model.state, objective.weights], outputs=model.state)
    found, gradients = find()
    expected, wanted = nn.value_and_grad(model, lambda: naive(model, batch, 0.2, targets))()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    by_name = dict(tree_flatten(wanted))
    for name, gradient in tree_flatten(gradients):
        scale = mx.abs(by_name[name]).max().item()
        assert mx.abs(gradient - by_name[name]).max().item() <= 1e-4 * max(scale, 1.0), name


def test_losses_are_the_same_whether_differentiated_or_not(make_model):
    model, batch = make_model(), supervised(make_batch())
    objective = Pretraining(1.0, Distillation(base_teacher(model.backbone), DIVERGENCE), 1.0, LAST)
    training, scoring = (
        objective(model, batch, differentiable=differentiable)[1]
        for differentiable in (True, False)
    )
    assert tuple(training) == objective.names == ("loss", "distill_loss", "hidden_loss")
    for name, loss in training.items():
        assert loss.item() == pytest.approx(scoring[name].item(), rel=1e-6)


def test_weights_change_over_the_run_without_a_new_recording(make_model):
    model, batch, calls = make_model(), supervised(make_batch()), []
    objective = Pretraining(
        Ramp(1.0, 0.0), Distillation(base_teacher(model.backbone), DIVERGENCE), Ramp(0.0, 2.0)
    )

    def value() -> mx.array:
        calls.append(1)
        return objective(model, batch, differentiable=False)[0]

    compiled = mx.compile(value, inputs=[model.state, objective.weights])
    found = []
    for share in (0.0, 0.5, 1.0):
        objective.at(share)
        found.append(compiled().item())
    _, losses = objective(model, batch, differentiable=False)
    loss, apart = losses["loss"].item(), losses["distill_loss"].item()
    assert found == pytest.approx([loss, 0.5 * loss + apart, 2 * apart], rel=1e-5)
    assert len(calls) == 1


@pytest.mark.parametrize("targets", [LAST, HiddenTargets(1.0, (1,), (2,))])
def test_no_gradient_goes_to_the_teacher(make_model, targets):
    model, batch = make_model(), supervised(make_batch())
    teacher = HeadTeacher(
        lambda trained, inputs, blocks, _: trained.states(inputs, blocks), model.head, 1, 3
    )
    objective = Pretraining(0.0, Distillation(teacher, DIVERGENCE), 1.0, targets)
    _, gradients = nn.value_and_grad(
        model, lambda: objective(model, batch, differentiable=True)[0]
    )()
    for name, gradient in tree_flatten(gradients):
        assert name.startswith("shadow.backbone.") or not mx.any(gradient).item(), name
