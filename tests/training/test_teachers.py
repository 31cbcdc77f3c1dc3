"""Who teaches: found by name, checked, and never trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model

from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.jobs import train
from shadow_mlx.loading import load_model as load_attached
from shadow_mlx.training.losses import gather, supervised
from tests.mlx_lm_adapters import write_mlx_lm_adapter
from tests.tiny import write_tiny_backbone
from tests.training.batches import make_batch


@pytest.fixture
def adapter(make_config, tmp_path) -> Path:
    """A few steps of fine-tuning: an adapter that answers otherwise than its backbone."""
    config = make_config(adapter_path=str(tmp_path / "teacher"), learning_rate=3e-2, val_batches=0)
    return train(config).adapter_path


def taught(parts):
    """The teacher's logits at a batch's positions, and the batch."""
    batch = supervised(make_batch())
    teacher = parts.step.objective.distillation.teacher
    return teacher.head(*teacher.rows(parts.model, batch)), batch


def test_the_backbone_teaches_as_it_came(make_parts, tiny_backbone):
    parts = make_parts(objective="pretrain", distill_weight=1.0)
    found, batch = taught(parts)
    expected = gather(parts.model.backbone(batch.inputs), batch.positions)
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-5)


def test_an_adapter_teaches_attached_and_shares_the_backbone(make_parts, adapter, monkeypatch):
    from shadow_mlx import loading

    loaded = []
    monkeypatch.setattr(loading, "load", lambda *args, **_: loaded.append(args))
    parts = make_parts(objective="pretrain", distill_weight=1.0, teacher=str(adapter))
    found, batch = taught(parts)
    monkeypatch.undo()
    alone = loading.load_model(None, adapter)
    expected = gather(alone(batch.inputs), batch.positions)
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-5)
    base = gather(parts.model.backbone(batch.inputs), batch.positions)
    assert mx.abs(found - base).max().item() > 1e-2
    assert loaded == []
    before = dict(tree_flatten(parts.model.trainable_parameters()))
    assert before
    assert all(name.startswith("shadow.backbone.") for name in before)


def test_an_adapter_of_another_folder_brings_its_own_backbone(
    make_parts, adapter, tiny_backbone, tmp_path
):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_backbone, copy)
    here, there = (
        taught(make_parts(objective="pretrain", distill_weight=1.0, model=str(model),
                          teacher=str(adapter)))[0]
        for model in (tiny_backbone, copy)
    )  # fmt: skip
    np.testing.assert_allclose(np.array(here), np.array(there), atol=1e-5)


def test_a_model_with_other_tokens_is_refused(make_parts):
    with pytest.raises(ConfigError, match="--teacher sprout: its tokens are not those"):
        make_parts(objective="pretrain", distill_weight=1.0, teacher="sprout")


def test_a_teacher_that_is_not_there_is_told_by_its_flag(make_parts, tmp_path):
    with pytest.raises(InputError, match=r"--teacher .*nowhere"):
        make_parts(objective="pretrain", distill_weight=1.0, teacher=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distill_weight": 0.0, "teacher": "base"}, "--teacher: there is no teacher with"),
        ({"distill_weight": 0.0, "teacher_top": 4}, "--teacher-top: there is no teacher with"),
        ({"distill_weight": 0.0, "hidden_weight": 1.0}, "--hidden-weight: there is no teacher"),
        ({"hidden_weight": 1.0, "teacher": "base", "teacher_top": 4}, "are not kept on disk"),
        ({"distill_weight": 1.0, "teacher_top": 4}, "changes while it trains"),
        ({"draft_weight": 1.0, "teacher": "base"}, "--draft-weight and --teacher: drafts are"),
        ({"draft_weight": 1.0, "freeze": "shadow"}, "--draft-weight and --freeze shadow: only"),
        ({"objective": "pretrain", "freeze": "shadow"}, "--freeze: pretraining trains"),
        ({"objective": "pretrain", "init_adapter": "x"}, "--init-adapter: pretraining trains"),
        ({"shadow": "x", "shadow_start": "even"}, "brings its own weights"),
    ],
)
def test_options_that_contradict_each_other(make_config, options, message):
    with pytest.raises(ConfigError, match=message):
        make_config(**options)


def test_an_adapter_of_mlx_lm_teaches_on_the_backbone(make_parts, tiny_backbone, tmp_path):
    adapter = write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone)
    parts = make_parts(objective="pretrain", teacher=str(adapter))
    found, batch = taught(parts)
    tuned, _ = load_model(tiny_backbone)
    expected = gather(load_adapters(tuned, str(adapter))(batch.inputs), batch.positions)
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-4)
    base = gather(parts.model.backbone(batch.inputs), batch.positions)
    assert mx.abs(found - base).max().item() > 1e-2


@pytest.mark.parametrize("kind", ["adapter", "lora", "model", "base"])
def test_every_kind_of_teacher_shows_the_states_behind_its_blocks(
    make_parts, adapter, tiny_backbone, tmp_path, kind
):
    other = write_tiny_backbone(tmp_path / "deeper", num_hidden_layers=5, seed=4)
    lora = write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone)
    names = {"adapter": adapter, "lora": lora, "model": other, "base": "base"}
    parts = make_parts(
        objective="pretrain",
        teacher=str(names[kind]),
        hidden_weight=1.0,
        hidden_blocks="2",
        shadow_layers=1,
    )
    batch, teacher = supervised(make_batch()), parts.step.objective.distillation.teacher
    assert teacher.blocks == (5 if kind == "model" else 3)
    last, second = teacher.rows(parts.model, batch)
    if kind == "adapter":
        alone = load_attached(None, adapter)
        expected = alone.states(batch.inputs, (2,))
    else:
        alone, _ = load_model(other if kind == "model" else tiny_backbone)
        alone = load_adapters(alone, str(lora)) if kind == "lora" else alone
        inner, h = alone.model, alone.model.embed_tokens(batch.inputs)
        for layer in inner.layers[:2]:
            h = layer(h, "causal", None)
        expected = inner(batch.inputs), inner.norm(h)
    for found, wanted in zip((last, second), expected, strict=True):
        wanted = np.array(gather(wanted, batch.positions))
        np.testing.assert_allclose(np.array(found), wanted, atol=1e-4)
    assert mx.abs(last - second).max().item() > 1e-2


@pytest.mark.parametrize(
    ("hidden_blocks", "message"),
    [("1,2", "which has 1; found 2"), ("4", "the blocks 1 to 3; there is no block 4")],
)
def test_blocks_that_are_not_there_are_refused_before_the_first_step(
    make_parts, hidden_blocks, message
):
    options = {"teacher": "base", "hidden_weight": 1.0, "shadow_layers": 1}
    with pytest.raises(ConfigError, match=message):
        make_parts(objective="pretrain", hidden_blocks=hidden_blocks, **options)


@pytest.mark.parametrize("teacher_top", [0, 4], ids=["while it trains", "before it trains"])
@pytest.mark.parametrize("kind", ["adapter", "lora", "model", "base"])
def test_a_run_with_every_kind_of_teacher(
    make_config, adapter, tiny_backbone, tmp_path, kind, teacher_top
):
    names = {
        "adapter": adapter,
        "lora": write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone),
        "model": tiny_backbone,
        "base": "base",
    }
    config = make_config(
        objective="pretrain", teacher=str(names[kind]), teacher_top=teacher_top, iters=2
    )
    before = mx.get_active_memory()
    assert train(config).best_losses["distill_loss"] > 0
    assert mx.get_active_memory() - before < 2**20
