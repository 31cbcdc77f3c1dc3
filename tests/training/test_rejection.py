"""Refused drafts against float64: by themselves, with their gradients, and in the objectives."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.training.distillation import Divergence
from shadow_mlx.training.losses import gather, supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.rejection import Rejection
from tests.training.batches import make_batch, naive_losses

TEACHER, STUDENT = np.random.default_rng(0).normal(0, 3, (2, 5, 40))


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    shifted = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    return shifted / shifted.sum(-1, keepdims=True)


def accepted(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """``1 − TV(p, q)``, of the total variation's own definition."""
    return 1 - np.abs(p - q).sum(-1) / 2


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_it_is_the_logarithm_of_what_rejection_sampling_accepts(temperature: float) -> None:
    found = Rejection(temperature).between(mx.array(TEACHER), mx.array(STUDENT))
    p, q = probabilities(TEACHER, temperature), probabilities(STUDENT, temperature)
    np.testing.assert_allclose(np.array(found), -np.log(accepted(p, q)), rtol=1e-5)


def test_so_many_draws_are_accepted() -> None:
    """Rejection sampling itself; 20,000 draws are within five standard deviations of their mean."""
    generator, p, q = np.random.default_rng(1), probabilities(TEACHER), probabilities(STUDENT)
    wanted = np.exp(-np.array(Rejection().between(mx.array(TEACHER), mx.array(STUDENT))))
    for row in range(5):
        drawn = generator.choice(40, 20_000, p=q[row])
        taken = generator.random(20_000) < p[row][drawn] / q[row][drawn]
        spread = np.sqrt(wanted[row] * (1 - wanted[row]) / 20_000)
        assert abs(taken.mean() - wanted[row]) < 5 * spread


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_gradient_is_that_of_float64_and_the_students_alone(temperature: float) -> None:
    """``∂A/∂zⱼ = qⱼ (1[qⱼ < pⱼ] − Σᵢ qᵢ 1[qᵢ < pᵢ]) / τ`` of ``A = Σ min(p, q)``."""
    rejection = Rejection(temperature)
    found, to_teacher = mx.grad(lambda s, t: rejection.between(t, s).sum(), argnums=(0, 1))(
        mx.array(STUDENT), mx.array(TEACHER)
    )
    assert not mx.any(to_teacher).item()
    p, q = probabilities(TEACHER, temperature), probabilities(STUDENT, temperature)
    below = (q < p).astype(np.float64)
    slope = q * (below - (q * below).sum(-1, keepdims=True)) / temperature
    wanted = -slope / accepted(p, q)[:, None]
    np.testing.assert_allclose(np.array(found), wanted, rtol=1e-4, atol=1e-7)


def test_where_nearly_all_is_refused_there_is_a_gradient_still() -> None:
    """Both are sure, each of another token: what is accepted is far below the least float32."""
    teacher, student = mx.array([[0.0, 250.0, 0.0]]), mx.array([[200.0, 0.0, 0.0]])
    value, gradient = mx.value_and_grad(lambda s: Rejection().between(teacher, s).sum())(student)
    assert value.item() == pytest.approx(200.0, rel=1e-3)
    assert mx.isfinite(gradient).all().item()
    assert gradient[0, 0].item() > 0.4
    assert gradient[0, 1].item() < -0.4


def test_of_equal_distributions_nothing_is_refused() -> None:
    same = Rejection().between(mx.array(TEACHER), mx.array(TEACHER + 7.0))
    assert mx.abs(same).max().item() < 1e-5


@pytest.mark.parametrize("kept", [1, 8, 39])
def test_of_a_record_no_more_than_of_the_whole(kept: int) -> None:
    p, q = probabilities(TEACHER, 2.0), probabilities(STUDENT, 2.0)
    tokens = np.argsort(-p, axis=-1)[:, :kept]

    def lumped(whole: np.ndarray) -> np.ndarray:
        some = np.take_along_axis(whole, tokens, -1)
        return np.concatenate([some, 1 - some.sum(-1, keepdims=True)], -1)

    logs = np.log(np.take_along_axis(p, tokens, -1)).astype(np.float32)
    found = Rejection(2.0).of_recorded(
        mx.array(tokens.astype(np.int32)), mx.array(logs), mx.array(STUDENT)
    )
    np.testing.assert_allclose(
        np.array(found), -np.log(accepted(lumped(p), lumped(q))), rtol=1e-3, atol=1e-5
    )
    assert (np.array(found) <= -np.log(accepted(p, q)) + 1e-4).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_the_attached_model_judges_what_the_shadow_drafts(make_model, compiled: bool) -> None:
    """Value and gradients of the whole objective against whole logits, not in chunks."""
    model, batch = make_model(), make_batch()
    arrays = supervised(batch)
    objective = FineTuning(0.3, Divergence(2.0), 0.2, draft_weight=0.7)

    def chunked() -> mx.array:
        return objective(model, arrays, differentiable=True)[0]

    def naive() -> mx.array:
        loss, shadow = naive_losses(model, batch)
        h, s0 = (gather(one, arrays.positions) for one in model.hidden(arrays.inputs))
        p = mx.stop_gradient(mx.softmax(model.head(h) / 2.0, axis=-1))
        q = mx.softmax(model.head(s0) / 2.0, axis=-1)
        kl = 4 * (p * (mx.log(p) - mx.log(q))).sum(-1)
        refused = -mx.log(1 - mx.abs(p - q).sum(-1) / 2)
        taught = ((0.2 * kl + 0.7 * refused) * arrays.weights).sum()
        return loss + 0.3 * shadow + taught

    find = nn.value_and_grad(model, chunked)
    if compiled:
        find = mx.compile(find, inputs=[model.state, objective.weights], outputs=model.state)
    found, gradients = find()
    expected, wanted = nn.value_and_grad(model, naive)()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    by_name = dict(tree_flatten(wanted))
    for name, gradient in tree_flatten(gradients):
        scale = mx.abs(by_name[name]).max().item()
        assert mx.abs(gradient - by_name[name]).max().item() <= 1e-4 * max(scale, 1.0), name
    losses = objective(model, arrays, differentiable=False)[1]
    assert tuple(losses) == ("loss", "shadow_loss", "distill_loss", "draft_loss")
