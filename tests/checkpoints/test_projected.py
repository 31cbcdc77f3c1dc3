"""Published projected shadows: a small decoder and its projection to the backbone's width."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from shadow_mlx.checkpoints.record import read_record
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import CheckpointError, ModelError
from shadow_mlx.shadow.attached import attach
from shadow_mlx.shadow.explicit import PROJECTED_MODEL_TYPE
from tests.tiny import write_tiny_backbone

IDS = mx.array([[5, 60, 7, 80]])


def write_projected(folder: Path, width: int, *, without: str = "") -> tuple[Path, mx.array]:
    """A projected shadow of ``width``; returns its folder and the states ``P·s`` for ``IDS``."""
    inner = write_tiny_backbone(folder / "inner", seed=5, hidden_size=width, num_hidden_layers=2)
    model, config = load_model(inner)
    projection = mx.random.normal((32, width), key=mx.random.key(9)) * 0.3
    tensors = {
        "shadow_hidden_projection.weight": projection,
        "lm_head.weight": mx.zeros((259, 32)),  # the backbone's own head is used
    }
    for name, value in mx.load(str(inner / "model.safetensors")).items():
        tensors["shadow_model." + name.removeprefix("model.")] = value
    tensors.pop(without, None)
    published: dict[str, Any] = {
        "model_type": PROJECTED_MODEL_TYPE,
        "shadow_model_class": "transformers.models.qwen3.modeling_qwen3:Qwen3Model",
        "shadow_model_config": config,
        "base_hidden_size": 32,
        "vocab_size": 259,
    }
    (folder / "config.json").write_text(json.dumps(published))
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, {"format": "pt"})
    return folder, model.model(IDS) @ projection.T


@pytest.mark.parametrize("width", [16, 32])
def test_it_is_the_explicit_shadow(tiny_backbone: Path, tmp_path: Path, width: int) -> None:
    folder, states = write_projected(tmp_path / "shadow", width)
    backbone, config = load_model(tiny_backbone)
    model = attach(backbone, config, ShadowConfig(rank=4, shadow=str(folder))).eval()
    expected = backbone.model.embed_tokens.as_linear(states)
    np.testing.assert_allclose(model.detached()(IDS), expected, rtol=0, atol=1e-5)

    save_adapter(tmp_path / "a", model, backbone=str(tiny_backbone), backbone_config=config)
    for file in folder.glob("*.*"):
        file.unlink()
    again = load_adapter(tmp_path / "a", *load_model(tiny_backbone)).eval()
    assert mx.array_equal(again.detached()(IDS), model.detached()(IDS))
    assert mx.array_equal(again(IDS), model(IDS))
    record = read_record(tmp_path / "a")
    assert record.projected
    assert record.not_for_peft is None


@pytest.mark.parametrize("missing", ["shadow_hidden_projection.weight", "shadow_model.norm.weight"])
def test_an_incomplete_one_is_refused(tiny_backbone: Path, tmp_path: Path, missing: str) -> None:
    folder, _ = write_projected(tmp_path / "shadow", 16, without=missing)
    backbone, config = load_model(tiny_backbone)
    with pytest.raises(CheckpointError, match=missing.removeprefix("shadow_model.")):
        attach(backbone, config, ShadowConfig(shadow=str(folder)))


def test_one_for_another_width_is_refused(tmp_path: Path) -> None:
    folder, _ = write_projected(tmp_path / "shadow", 16)
    backbone, config = load_model(write_tiny_backbone(tmp_path / "wide", hidden_size=64))
    with pytest.raises(ModelError, match=r"its projection \[32, 16\]"):
        attach(backbone, config, ShadowConfig(shadow=str(folder)))
