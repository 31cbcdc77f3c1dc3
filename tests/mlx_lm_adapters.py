"""Adapters as ``mlx_lm.lora`` writes them, with random weights that change every answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_mlx_lm_adapter(
    folder: Path, backbone: Path, kind: str = "lora", *, seed: int = 0, layers: int = 2
) -> Path:
    """Write an adapter of a kind for a backbone in ``folder``, by mlx-lm's own modules."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load_model

    model, _ = load_model(backbone)
    parameters = {"rank": 2, "scale": 4.0, "dropout": 0.0}
    model.freeze()
    if kind == "full":
        for block in model.layers[-layers:]:
            block.unfreeze()
    else:
        linear_to_lora_layers(model, layers, parameters, use_dora=kind == "dora")
    trained = dict(tree_flatten(model.trainable_parameters()))
    keys = mx.random.split(mx.random.key(seed), len(trained))
    stirred = {
        name: (value + 0.3 * mx.random.normal(value.shape, key=key)).astype(value.dtype)
        for key, (name, value) in zip(keys, trained.items(), strict=True)
    }
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), stirred)
    config: dict[str, Any] = {
        "model": str(backbone),
        "fine_tune_type": kind,
        "num_layers": layers,
        "lora_parameters": parameters,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
