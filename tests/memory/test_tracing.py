"""What a recording of the training step holds."""

from __future__ import annotations

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.models.switch_layers import SwitchLinear

from benchmarks.memory import Case
from shadow_mlx.backbones.skeleton import build_backbone
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ModelError
from shadow_mlx.memory.graph import record
from shadow_mlx.memory.tracing import MOST_TOKENS, BatchShape, RecordedStep, make_recordable
from shadow_mlx.training.model import attach_for_training
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.optimizers import build_optimizer

SHAPE = BatchShape(2, 16, 20)


@pytest.fixture
def step() -> RecordedStep:
    made = Case("two blocks", {"num_hidden_layers": 2}).config_json
    config = TrainConfig(model="two blocks")
    model = attach_for_training(build_backbone(made, "two blocks"), made, config)
    return RecordedStep(model, build_optimizer(config, 10), FineTuning(0.1))


@given(st.integers(1, 2**31), st.integers(1, 2**31))
def test_a_reduced_batch_can_be_described_and_is_scaled_back(rows: int, width: int) -> None:
    small, times = BatchShape(rows, width, rows * width).reduced()
    assert small.rows * small.width <= MOST_TOKENS
    assert small.rows * small.width * times == pytest.approx(rows * width)
    assert 1 <= small.trained <= small.rows * small.width


def test_state_and_batch_go_in_and_the_new_state_comes_out(step: RecordedStep) -> None:
    state, sums = step.state, step.sums()
    known = [array.shape for array in state.arrays()]
    changed = [array.shape for _, array in (*state.adapter, *state.optimizer)]
    batch = [array.shape for array in SHAPE.zeros().arrays()]
    told = [(), (2,)]
    summed = [array.shape for array in sums]
    for program, rest, results in (
        (step.whole(SHAPE), [*batch, *told], [(7,), *changed]),
        (step.following(SHAPE), [*summed, *batch], summed),
        (step.update(), [*summed, *told], [(7,), *changed]),
    ):
        shapes = {name: array.shape for name, array in program.graph.arrays.items()}
        assert [shapes[name] for name in program.graph.inputs] == [*known, *rest]
        assert [shapes[name] for name in program.graph.outputs] == results
    gradients = step.whole(SHAPE).gradients
    assert len(gradients) == len(sums) - 1
    assert [array.shape for array in step.state.arrays()] == known


def test_what_cannot_be_recorded_is_said(
    step: RecordedStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = type(step.model).head
    monkeypatch.setattr(type(step.model), "head", lambda self, h: mx.contiguous(head(self, h)))
    with pytest.raises(ModelError, match="qwen3: its memory cannot be estimated"):
        step.whole(SHAPE)


def test_experts_are_exchanged_for_some_that_can_be_recorded() -> None:
    experts = SwitchLinear(8, 16, num_experts=4)
    x, chosen = mx.zeros((6, 1, 8)), mx.array([0, 0, 1, 2, 2, 3])

    def gradient(weight: mx.array) -> mx.array:
        experts.weight = weight
        return experts(x, chosen, sorted_indices=True).sum()

    shape = experts(x, chosen, sorted_indices=True).shape
    weight = experts.weight
    with pytest.raises(ValueError, match="SegmentedMM"):
        record(lambda weight: [mx.grad(gradient)(weight)], [weight])
    make_recordable(experts)
    assert experts(x, chosen, sorted_indices=True).shape == shape
    graph = record(lambda weight: [mx.grad(gradient)(weight)], [weight])
    assert graph.arrays[graph.outputs[0]].shape == weight.shape
