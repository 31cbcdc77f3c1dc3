"""Divergences against float64, and their gradients against differences."""

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.training.distillation import Divergence

TEACHER, STUDENT = np.random.default_rng(0).normal(0, 3, (2, 5, 40))


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    shifted = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    return shifted / shifted.sum(-1, keepdims=True)


def expected(p: np.ndarray, q: np.ndarray, temperature: float, reverse: float) -> np.ndarray:
    forward = (p * np.log(p / q)).sum(-1)
    backward = (q * np.log(q / p)).sum(-1)
    return temperature**2 * ((1 - reverse) * forward + reverse * backward)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("reverse", [0.0, 0.3, 1.0])
def test_a_divergence_is_that_of_the_formula(temperature: float, reverse: float) -> None:
    found = Divergence(temperature, reverse).between(mx.array(TEACHER), mx.array(STUDENT))
    p, q = probabilities(TEACHER, temperature), probabilities(STUDENT, temperature)
    np.testing.assert_allclose(np.array(found), expected(p, q, temperature, reverse), rtol=1e-5)


@pytest.mark.parametrize("reverse", [0.0, 0.3, 1.0])
def test_the_gradient_is_the_students_alone(reverse: float) -> None:
    divergence = Divergence(2.0, reverse)
    found, to_teacher = mx.grad(lambda s, t: divergence.between(t, s).sum(), argnums=(0, 1))(
        mx.array(STUDENT), mx.array(TEACHER)
    )
    assert not mx.any(to_teacher).item()
    p, step = probabilities(TEACHER, 2.0), 1e-6
    for row, column in ((0, 0), (2, 17), (4, 39)):
        moved = [STUDENT.copy(), STUDENT.copy()]
        moved[0][row, column] += step
        moved[1][row, column] -= step
        high, low = (expected(p, probabilities(one, 2.0), 2.0, reverse).sum() for one in moved)
        slope = (high - low) / (2 * step)
        assert found[row, column].item() == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_of_equal_distributions_it_is_zero_and_else_more() -> None:
    divergence = Divergence(1.0, 0.5)
    same = divergence.between(mx.array(TEACHER), mx.array(TEACHER + 7.0))
    assert mx.abs(same).max().item() < 1e-5
    assert divergence.between(mx.array(TEACHER), mx.array(STUDENT)).min().item() > 0


def test_padding_of_one_vocabulary_is_left_out() -> None:
    divergence = Divergence()
    padded = np.concatenate([TEACHER, np.full((5, 8), 50.0)], axis=-1)
    np.testing.assert_array_equal(
        np.array(divergence.between(mx.array(padded), mx.array(STUDENT))),
        np.array(divergence.between(mx.array(TEACHER), mx.array(STUDENT))),
    )


@pytest.mark.parametrize("reverse", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kept", [1, 8, 39])
def test_of_the_likeliest_tokens_the_others_count_as_one(kept: int, reverse: float) -> None:
    p, q = probabilities(TEACHER, 2.0), probabilities(STUDENT, 2.0)
    tokens = np.argsort(-p, axis=-1)[:, :kept]

    def lumped(whole: np.ndarray) -> np.ndarray:
        some = np.take_along_axis(whole, tokens, -1)
        return np.concatenate([some, 1 - some.sum(-1, keepdims=True)], -1)

    found = Divergence(2.0, reverse).of_recorded(
        mx.array(tokens.astype(np.int32)),
        mx.array(np.log(np.take_along_axis(p, tokens, -1)).astype(np.float32)),
        mx.array(STUDENT),
    )
    wanted = expected(lumped(p), lumped(q), 2.0, reverse)
    np.testing.assert_allclose(np.array(found), wanted, rtol=1e-3)
    whole = expected(p, q, 2.0, reverse)
    assert (np.array(found) <= whole * (1 + 1e-4)).all()


def test_a_teacher_that_is_sure_leaves_no_tail_and_no_nan() -> None:
    logs, tokens = mx.array([[0.0, -40.0]]), mx.array([[3, 1]])
    value, gradient = mx.value_and_grad(
        lambda student: Divergence(1.0, 0.5).of_recorded(tokens, logs, student).sum()
    )(mx.array(STUDENT[:1]))
    assert mx.isfinite(value).item()
    assert mx.isfinite(gradient).all().item()
