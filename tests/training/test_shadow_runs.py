"""Whole runs that train a part: a shadow before any task, and tasks that begin with one."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.checkpoints.peft import adapter_record
from shadow_mlx.errors import ConfigError
from shadow_mlx.jobs import train
from shadow_mlx.loading import load_model
from shadow_mlx.runs.events import Validated
from tests.training.conftest import Parted

FASTER = {"learning_rate": 1e-2, "iters": 12, "steps_per_report": 2}


@pytest.fixture
def shadow(make_config, tmp_path) -> Path:
    """A shadow of an unusual size, pretrained for a few steps."""
    config = make_config(
        objective="pretrain",
        adapter_path=str(tmp_path / "shadow"),
        shadow_intermediate_size=40,
        shadow_layers=1,
        rank=2,
        **FASTER,
    )
    return train(config).adapter_path


def network(folder: Path) -> dict[str, np.ndarray]:
    model = load_model(None, folder, for_training=True)
    weights = tree_flatten(model.shadow.backbone.trainable_parameters())
    return {name: np.array(value) for name, value in weights}


def modules(folder: Path) -> dict[str, np.ndarray]:
    layers = load_model(None, folder, for_training=True).shadow.layers
    return {
        f"{i}.{name}": np.array(value)
        for i, layer in enumerate(layers)
        for name, value in tree_flatten(layer.parameters())
    }


def must_be_equal(
    found: dict[str, np.ndarray], expected: dict[str, np.ndarray], atol: float = 0.0
) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "pretrain"},
        {"objective": "pretrain", "distill_weight": 1.0, "hidden_weight": 0.5, "aux_end": 0.1},
        {"objective": "pretrain", "shadow_start": "even", "shadow_rate": 0.1},
        {"distill_weight": 0.5, "distill_end": 1.0},
        {"draft_weight": 0.5},
        {"objective": "pretrain", "teacher": "base", "teacher_top": 8, "draft_weight": 0.5},
        {"hidden_weight": 0.5},
        {"hidden_weight": 0.5, "hidden_blocks": "even", "shadow_layers": 2, "dropout": 0.1},
        {"hidden_weight": 0.5, "hidden_blocks": "2,3", "teacher": "base", "grad_checkpoint": True},
        {
            "objective": "pretrain",
            "hidden_weight": 1.0,
            "hidden_blocks": "3,1",
            "shadow_layers": 2,
            "shadow_hidden_size": 16,
            "shadow_heads": 2,
            "grad_accumulation_steps": 2,
        },
        {"distill_weight": 1.0, "teacher": "base", "freeze": "adapter"},
        {"freeze": "shadow"},
    ],
)
def test_every_kind_of_run_learns_and_resumes_to_the_bit(make_config, heard, tmp_path, options):
    config = make_config(**(FASTER | options))
    whole = train(config, heard)
    first, *_, last = heard.of(Validated)
    learnt = "distill_loss" if "distill_loss" in last.losses else "loss"
    assert last.losses[learnt] < first.losses[learnt]
    Parted(config, tmp_path / "parted", 6).must_equal(whole, heard)


def test_a_pretrained_shadow_answers_by_itself_and_leaves_its_backbone_as_it_is(shadow):
    inputs = mx.array([[1, 2, 3, 4]])
    attached, base = load_model(None, shadow), load_model(None, shadow, mode="base")
    assert mx.allclose(attached(inputs), base(inputs), atol=1e-5)
    detached = load_model(None, shadow, mode="detached")
    assert mx.abs(detached(inputs) - base(inputs)).max().item() > 1e-2


def test_a_task_begins_with_the_shadow_and_an_adapter_of_its_own(shadow, make_config, heard):
    config = make_config(shadow=str(shadow), rank=6, freeze="shadow", **FASTER)
    folder = train(config, heard).adapter_path
    must_be_equal(network(folder), network(shadow))
    record = adapter_record(folder)
    assert (record.config.shadow, record.config.rank) == ("mirror", 6)
    assert (record.config.shadow_layers, record.config.shadow_intermediate_size) == (1, 40)
    assert modules(folder)["0.down.weight"].shape[0] == 6
    before = heard.of(Validated)[0].losses["shadow_loss"]
    fresh = make_config(adapter_path=str(folder.parent / "fresh"), iters=1)
    other = type(heard)()
    train(fresh, other)
    assert before < other.of(Validated)[0].losses["shadow_loss"] - 0.5


def test_a_task_with_a_pretrained_shadow_resumes_when_that_is_gone(
    shadow, make_config, heard, tmp_path
):
    config = make_config(shadow=str(shadow), **FASTER)
    whole = train(config, heard)
    Parted(config, tmp_path / "parted", 6).must_equal(whole, heard)


def test_sizes_beside_a_pretrained_shadow_are_refused(make_config, shadow):
    with pytest.raises(ConfigError, match="--shadow-layers: an explicit --shadow"):
        make_config(shadow=str(shadow), shadow_layers=2)


def test_a_shadow_of_other_tokens_is_refused(shadow, make_config):
    with pytest.raises(ConfigError, match="its tokens are not those of sprout"):
        train(make_config(shadow=str(shadow), model="sprout"))


@pytest.mark.parametrize("frozen", ["shadow", "adapter"])
def test_what_is_frozen_stays(make_config, tmp_path, frozen):
    first = train(make_config(adapter_path=str(tmp_path / "first"), **FASTER)).adapter_path
    second = train(make_config(init_adapter=str(first), freeze=frozen, **FASTER)).adapter_path
    kept, moved = (network, modules) if frozen == "shadow" else (modules, network)
    must_be_equal(kept(second), kept(first))
    before, after = moved(first), moved(second)
    assert any(not np.array_equal(after[name], value) for name, value in before.items())


def test_the_network_has_a_learning_rate_of_its_own(make_config, tmp_path):
    """A thousandth of the rate is a thousandth of the way, and the rest goes its own."""
    runs = {}
    for rate in (1.0, 1e-3):
        options = {"shadow_rate": rate, "iters": 1, "val_batches": 0, "weight_decay": 0.0}
        config = make_config(adapter_path=str(tmp_path / str(rate)), clip=0.0, **options)
        runs[rate] = train(config).adapter_path
    start = train(
        make_config(adapter_path=str(tmp_path / "start"), learning_rate=1e-12, iters=1)
    ).adapter_path
    begun, fast, slow = network(start), network(runs[1.0]), network(runs[1e-3])
    name = max(begun, key=lambda key: begun[key].size)
    ratio = np.abs(slow[name] - begun[name]).mean() / np.abs(fast[name] - begun[name]).mean()
    assert ratio == pytest.approx(1e-3, rel=0.2)
    must_be_equal(modules(runs[1e-3]), modules(runs[1.0]), atol=1e-7)
