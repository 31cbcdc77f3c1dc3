import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.training.length import run_length


@pytest.mark.parametrize(
    ("options", "batches_per_epoch", "steps"),
    [
        ({"iters": 7}, 100, 7),
        ({"iters": 7, "grad_accumulation_steps": 4}, 100, 7),
        ({"epochs": 2}, 100, 200),
        ({"epochs": 0.5}, 7, 4),
        ({"epochs": 1, "grad_accumulation_steps": 4}, 10, 3),
        ({}, 400, 1200),
        ({}, 5, 300),
        ({"grad_accumulation_steps": 2}, 400, 600),
    ],
)
def test_steps(options, batches_per_epoch, steps):
    assert run_length(TrainConfig(**options), batches_per_epoch).steps == steps


def test_the_last_window_is_partial_and_used():
    length = run_length(TrainConfig(epochs=1, grad_accumulation_steps=4), 10)
    assert [length.window(step) for step in range(length.steps)] == [4, 4, 2]


def test_iterations_are_whole_windows():
    length = run_length(TrainConfig(iters=2, grad_accumulation_steps=4), 3)
    assert [length.window(step) for step in range(length.steps)] == [4, 4]
