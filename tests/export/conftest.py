"""A tiny backbone, an adapter on it, and the folder that is exported of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import load_config, load_model

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.attached import attach

Adapter = Callable[..., Path]


@pytest.fixture
def adapter_on(tmp_path: Path) -> Adapter:
    """Makes a random adapter on a backbone's folder, with the shadow options that are given."""

    def make(backbone: Path, name: str = "adapter", **options: Any) -> Path:
        model, _ = load_model(backbone)
        config = load_config(backbone)
        settings = {"rank": 4, "shadow_layers": 2, "sharing": "depth", **options}
        attached = attach(model, config, ShadowConfig(**settings), seed=3)
        named = tree_flatten(attached.shadow.trainable_parameters())
        keys = mx.random.split(mx.random.key(7), len(named))
        noisy = [
            (name, value + 0.3 * mx.random.normal(value.shape, key=key))
            for (name, value), key in zip(named, keys, strict=True)
        ]
        attached.shadow.update(tree_unflatten(noisy))
        folder = tmp_path / name
        save_adapter(folder, attached, backbone=str(backbone), backbone_config=config)
        return folder

    return make
