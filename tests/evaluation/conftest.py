"""A tiny model with a fresh adapter, and a few chats to ask it."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import ShadowConfig
from shadow_mlx.loading import load_backbone
from shadow_mlx.shadow.attached import attach

CHATS = [("Hello", "Hi there"), ("One and one?", "Two"), ("Bye", "Good bye")]


@pytest.fixture(scope="module")
def adapter(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    backbone, backbone_config, _ = load_backbone(tiny_backbone)
    model = attach(backbone, backbone_config, ShadowConfig(rank=4))
    layer = model.shadow.layers[0]
    layer.up.weight = mx.full(layer.up.weight.shape, 0.3)
    folder = tmp_path_factory.mktemp("adapter")
    save_adapter(folder, model, backbone=str(tiny_backbone), backbone_config=backbone_config)
    return folder


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    lines = [
        {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answered},
            ]
        }
        for asked, answered in CHATS
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
