"""A step's time from short backbones, against what is timed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.memory import step_time
from shadow_mlx.memory.step_time import _shortened, batch_seconds
from shadow_mlx.memory.tracing import BatchShape

SHAPE = BatchShape(2, 16, 20)


def backbone(folder: Path, blocks: int) -> str:
    config = {
        "model_type": "qwen3", "hidden_size": 32, "num_hidden_layers": blocks,
        "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2,
        "head_dim": 16, "vocab_size": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "max_position_embeddings": 128, "tie_word_embeddings": True,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_a_step_is_really_computed(tmp_path: Path) -> None:
    config = TrainConfig(model=backbone(tmp_path, 2), grad_accumulation_steps=2)
    assert 0 < batch_seconds(config, SHAPE) < 60


def test_a_deep_backbone_is_reckoned_from_two_short_ones_with_its_own_shadow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, Any]] = []

    def timed(model: Any, config: TrainConfig, shape: BatchShape) -> float:
        sizes = model.shadow.backbone.decoder.blocks[0].mlp.up_proj.weight.shape
        tried.append((len(model.layers), sizes))
        return 1.0 + 0.5 * len(model.layers)

    monkeypatch.setattr(step_time, "_timed", timed)
    config = TrainConfig(model=backbone(tmp_path, 40))
    assert batch_seconds(config, SHAPE) == pytest.approx(1.0 + 0.5 * 40)
    whole = step_time.attached_like(config, json.loads((tmp_path / "config.json").read_text()))
    sizes = whole.shadow.backbone.decoder.blocks[0].mlp.up_proj.weight.shape
    assert tried == [(2, sizes), (6, sizes)]
    tried.clear()
    assert batch_seconds(TrainConfig(model=backbone(tmp_path, 6)), SHAPE) == 4.0
    assert [blocks for blocks, _ in tried] == [6]


def test_a_shorter_backbone_keeps_its_other_settings() -> None:
    config = {"num_hidden_layers": 4, "layer_types": ["a", "b", "a", "b"], "eos": [1, 2]}
    assert _shortened(config, 2) == {
        "num_hidden_layers": 2,
        "layer_types": ["a", "b"],
        "eos": [1, 2],
    }
    assert _shortened({"text_config": config, "x": 1}, 2)["text_config"]["num_hidden_layers"] == 2
    assert _shortened({"depth": 4}, 2) == {}
