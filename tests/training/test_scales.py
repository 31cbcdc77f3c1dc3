"""Weights in units of the hidden states that they read and write."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.config import TrainConfig
from shadow_mlx.parallel.team import alone
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training import scales
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.optimizers import build_optimizer
from shadow_mlx.training.step import TrainingStep
from tests.shadow.tiny_models import attached, backbone, tokens
from tests.training.batches import make_batch

LOUD = 7


def loud_backbone() -> nn.Module:
    """A random model one of whose channels is 200 times as large as the others."""
    model = backbone()
    table = model.model.embed_tokens.weight
    factor = mx.where(mx.arange(table.shape[1]) == LOUD, 200.0, 1.0)
    model.model.embed_tokens.weight = table * factor
    return model


def units_of(model: AttachedModel) -> scales.Units:
    batch = tokens(12), mx.ones((1, 12))
    return scales.measured_units(model, [batch, batch], alone())


@pytest.mark.parametrize("sharing", ["update", "depth", "layer"])
def test_units_are_powers_of_two_for_what_touches_hidden_states(sharing: str) -> None:
    model = attached(loud_backbone(), sharing=sharing)
    units = units_of(model)
    names = dict(tree_flatten(model.trainable_parameters()))
    for name, unit in units.items():
        assert (names[name] * unit).shape == names[name].shape
        logs = np.log2(np.array(unit))
        assert np.array_equal(logs, np.round(logs))
    rules = {"update": 1, "depth": 1, "layer": 2}  # that of the last block is never computed
    assert len([name for name in units if "gate.first" in name]) == rules[sharing]
    assert len([name for name in units if "down" in name]) == len(model.shadow.layers)


def test_a_loud_channel_has_a_small_unit() -> None:
    read = np.array(units_of(attached(loud_backbone()))["shadow.layers.0.down.weight"])[0]
    others = np.delete(read, LOUD)
    assert read[LOUD] <= others.min() / 16


def test_measuring_changes_nothing() -> None:
    model = attached(loud_backbone())
    before = model(tokens(6))
    model.train()
    model.recompute_activations()
    units_of(model)
    assert model.training
    assert all(block.recompute for block in model.layers)
    assert mx.array_equal(model.eval()(tokens(6)), before)


def test_padding_is_not_measured() -> None:
    model = attached(loud_backbone())
    ids = tokens(12)
    padded = mx.concatenate([ids, mx.zeros((1, 4), mx.int32)], axis=1)
    mask = mx.concatenate([mx.ones((1, 12)), mx.zeros((1, 4))], axis=1)
    team = alone()
    found = scales.measured_units(model, [(padded, mask)], team)
    expected = scales.measured_units(model, [(ids, mx.ones((1, 12)))], team)
    assert all(mx.array_equal(found[name], unit) for name, unit in expected.items())


def test_there_and_back_is_exact() -> None:
    model = attached(loud_backbone())
    units, weights = units_of(model), model.trainable_parameters()
    again = scales.out_of(units, scales.into(units, weights))
    assert all(
        mx.array_equal(a, b)
        for (_, a), (_, b) in zip(tree_flatten(again), tree_flatten(weights), strict=True)
    )


def test_a_start_in_units_reads_every_channel_alike() -> None:
    model = attached(loud_backbone())
    units = units_of(model)
    before = model.shadow.layers[1].down.weight
    scales.start_in_units(model, units)
    unit = units["shadow.layers.1.down.weight"]
    assert mx.array_equal(model.shadow.layers[1].down.weight, before * unit)


def test_an_adam_step_moves_what_the_weights_do_and_not_the_weights_alike() -> None:
    """In its units, every weight that Adam moves for the first time moves by the learning rate."""
    model = attached(loud_backbone(), sharing="layer")
    model.train()
    units = units_of(model)
    config = TrainConfig(
        optimizer="adam", learning_rate=1e-3, schedule="constant", warmup=0, clip=0.0
    )
    step = TrainingStep(model, build_optimizer(config, 10), FineTuning(1.0), clip=0.0, units=units)
    name = "shadow.layers.1.down.weight"
    before = np.array(model.shadow.layers[1].down.weight)
    batch = supervised(make_batch(rows=2, width=12, trained=10, vocabulary=64))
    step.finish(step.start(1, [batch], 10, [0.0, 24.0]))
    moved = np.abs(np.array(model.shadow.layers[1].down.weight) - before) / np.array(units[name])
    assert np.median(moved) == pytest.approx(1e-3, rel=1e-2)
    assert moved.max() < 1.1e-3
