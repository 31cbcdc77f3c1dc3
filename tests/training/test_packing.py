"""Training on rows that hold several examples: the losses, whole runs, and what is refused."""

from __future__ import annotations

import math

import mlx.core as mx
import pytest

from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.backbones.skeleton import build_backbone
from shadow_mlx.config import TrainConfig
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.errors import ConfigError
from shadow_mlx.jobs import train
from shadow_mlx.runs.events import Noted, Trained
from shadow_mlx.training import packing
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.objective import measure
from tests.architectures.matrix import BY_NAME, attach_tiny
from tests.training.test_step import do, largest_difference, make_step, weights_of


def alone(parts):
    """Every example of the training data in a batch by itself, in the file's order."""
    return [supervised(b) for b in BatchPlan(parts.train, 1, shuffle=False).iterate(epochs=1)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"distill_weight": 1.0, "hidden_weight": 0.5},
        {"teacher": "base", "hidden_weight": 0.5, "hidden_blocks": "2,3"},
        {"objective": "pretrain"},
        {"objective": "pretrain", "teacher": "base"},
    ],
    ids=str,
)
def test_the_losses_are_those_of_each_example_alone(make_parts, options):
    parts = make_parts(packing=True, batch_size=6, **options)
    model, objective = parts.model.eval(), parts.step.objective
    batch = next(parts.plan.iterate())
    assert len(batch.inputs) < len(batch.examples)
    each = alone(parts)

    def losses(one):
        return measure(objective, model, one.arrays(), differentiable=False)[1]

    expected = sum(losses(each[i]) for i in batch.examples)
    assert mx.allclose(losses(supervised(batch)), expected, rtol=1e-5)


def test_a_compiled_step_learns_from_a_row_what_it_learns_from_its_examples(make_parts):
    parts, others = make_parts(packing=True), make_parts()
    batch, each = next(parts.plan.iterate()), alone(others)
    found_step = make_step(parts.model, optimizer="sgd")
    found = do(found_step, 1, [supervised(batch)], batch.tokens)
    expected_step = make_step(others.model, optimizer="sgd")
    expected = do(expected_step, 1, [each[i] for i in batch.examples], batch.tokens)
    assert found.value == pytest.approx(expected.value, rel=1e-5)
    assert found.gradient_norm == pytest.approx(expected.gradient_norm, rel=1e-4)
    assert largest_difference(weights_of(parts.model), weights_of(others.model)) < 1e-5


def test_validation_and_the_number_of_steps_are_those_without(make_parts):
    parts, others = make_parts(packing=True, epochs=2, iters=None), make_parts(epochs=2, iters=None)
    assert parts.length == others.length
    assert not parts.validator.plan.shared_rows
    assert parts.validator().losses == pytest.approx(others.validator().losses, rel=1e-5)


@pytest.mark.parametrize(
    "options", [{"grad_checkpoint": True}, {"teacher": "base", "teacher_top": 4}], ids=str
)
def test_a_whole_run_learns(make_config, heard, options):
    config = make_config(
        packing=True, iters=40, steps_per_report=5, learning_rate=1e-2, save_every=40, **options
    )
    train(config, heard)
    losses = [event.losses["loss"] for event in heard.of(Trained)]
    assert losses[-1] < 0.7 * losses[0]
    assert not [note for note in heard.of(Noted) if "compile" in note.message]


def test_the_bundled_backbone_packs(make_config, heard):
    data = bundled_data() / "valid.jsonl"
    config = make_config(
        model="sprout", data=str(data), packing=True, iters=2, val_batches=0, max_seq_length=256
    )
    train(config, heard)
    assert all(math.isfinite(event.losses["loss"]) for event in heard.of(Trained))


def test_a_network_that_mixes_a_rows_examples_is_named(make_parts, monkeypatch):
    monkeypatch.setattr(packing, "positions_alike", lambda decoder: 0)
    with pytest.raises(ConfigError) as raised:
        make_parts(packing=True)
    assert str(raised.value).startswith("--packing: the backbone (qwen3) cannot keep")
    assert str(raised.value).endswith("Leave --packing out")


def test_what_needs_no_weights_is_refused_without_them():
    family = BY_NAME["lfm2"]
    with pytest.raises(ConfigError, match=r"--packing: the backbone \(lfm2\) cannot keep"):
        packing.check_kinds(attach_tiny(family, build_backbone(family.config, "tiny")))
    family = BY_NAME["qwen3"]
    packing.check_kinds(attach_tiny(family, build_backbone(family.config, "tiny")))


def test_the_shadow_does_not_write_into_shared_rows():
    with pytest.raises(ConfigError, match="--packing and --on-policy"):
        TrainConfig(packing=True, on_policy=0.5, teacher="base")
