import mlx.core as mx
import mlx.nn as nn
import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.training.optimizers import build_optimizer, build_schedule, warmup_steps

NAMES = ["adamw", "adam", "sgd", "adafactor", "lion", "muon"]


def rates(config: TrainConfig, steps: int) -> list[float]:
    schedule = build_schedule(config, steps)
    return [mx.array(schedule(mx.array(step, mx.uint64))).item() for step in range(steps)]


def test_warm_up_rises_evenly_from_above_zero_to_the_peak():
    found = rates(TrainConfig(learning_rate=1.0, warmup=4, schedule="constant"), 8)
    assert found == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1], rel=1e-6)


def test_cosine_falls_from_the_peak_to_nearly_nothing():
    found = rates(TrainConfig(learning_rate=1.0, warmup=0), 100)
    assert found[0] == pytest.approx(1.0)
    assert found[50] == pytest.approx(0.5, abs=1e-3)
    assert 0 < found[-1] < 1e-3
    assert found == sorted(found, reverse=True)


def test_linear_falls_in_a_straight_line():
    found = rates(TrainConfig(learning_rate=1.0, warmup=0, schedule="linear"), 10)
    assert found == pytest.approx([1 - step / 10 for step in range(10)], abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "steps", "expected"), [(None, 300, 30), (7, 300, 7), (50, 10, 9), (None, 1, 0)]
)
def test_warm_up_is_a_tenth_unless_asked_and_shorter_than_the_run(asked, steps, expected):
    assert warmup_steps(TrainConfig(warmup=asked), steps) == expected


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_shortest_runs_have_a_schedule(steps, schedule):
    assert all(rate > 0 for rate in rates(TrainConfig(schedule=schedule), steps))


def step_once(name: str, decay: float) -> nn.Linear:
    layer = nn.Linear(4, 3)
    layer.weight, layer.bias = mx.ones((3, 4)), mx.ones((3,))
    config = TrainConfig(optimizer=name, weight_decay=decay, learning_rate=0.1, warmup=0)
    optimizer = build_optimizer(config, 10)
    optimizer.init(layer.trainable_parameters())
    zeros = {"weight": mx.zeros((3, 4)), "bias": mx.zeros((3,))}
    optimizer.update(layer, zeros)
    return layer


@pytest.mark.parametrize("name", ["adamw", "sgd", "lion", "muon", "adafactor"])
def test_matrices_decay_and_biases_do_not(name):
    layer = step_once(name, decay=0.5)
    assert mx.all(layer.weight < 1).item()
    assert mx.allclose(layer.bias, mx.ones(3)).item()


def test_adam_knows_no_decay():
    assert mx.allclose(step_once("adam", decay=0.5).weight, mx.ones((3, 4))).item()


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_a_loss(name):
    layer = nn.Linear(4, 3)
    x = mx.random.normal((16, 4), key=mx.random.key(0))
    y = x @ mx.random.normal((4, 3), key=mx.random.key(1)) + 1.0
    optimizer = build_optimizer(TrainConfig(optimizer=name, learning_rate=0.05, warmup=0), 60)
    value_and_grad = nn.value_and_grad(layer, lambda: ((layer(x) - y) ** 2).mean())
    values = []
    for _ in range(60):
        value, gradients = value_and_grad()
        optimizer.update(layer, gradients)
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]


def test_the_rate_is_part_of_the_state():
    optimizer = build_optimizer(TrainConfig(learning_rate=1.0, warmup=1), 10)
    layer = nn.Linear(2, 2)
    optimizer.init(layer.trainable_parameters())
    for expected in (0.5, 1.0):
        optimizer.update(layer, layer.trainable_parameters())
        assert optimizer.learning_rate.item() == pytest.approx(expected)
