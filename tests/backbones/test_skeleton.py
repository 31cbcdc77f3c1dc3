from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from shadow_mlx.backbones.bundled import bundled_model
from shadow_mlx.backbones.skeleton import build_backbone, read_config
from shadow_mlx.errors import ModelError


def shapes(model: nn.Module) -> dict[str, tuple[tuple[int, ...], mx.Dtype]]:
    return {name: (a.shape, a.dtype) for name, a in tree_flatten(model.parameters())}


def test_it_has_the_shapes_of_the_loaded_model() -> None:
    folder = bundled_model("sprout")
    loaded, _ = load_model(folder, lazy=True)
    assert shapes(build_backbone(read_config(folder, "sprout"), "sprout")) == shapes(loaded)


def test_a_quantized_one_too(tiny_backbone: Path) -> None:
    loaded, config = load_model(tiny_backbone)
    settings: dict[str, Any] = {"group_size": 32, "bits": 4, "lm_head": {}}
    path = "model.layers.0.self_attn.q_proj"
    settings[path] = {"group_size": 32, "bits": 8}
    nn.quantize(
        loaded,
        32,
        4,
        class_predicate=lambda name, module: (
            settings.get(name)
            or (hasattr(module, "to_quantized") and module.weight.shape[-1] % 32 == 0)
        ),
    )
    built = build_backbone({**config, "quantization": settings}, "tiny")
    assert shapes(built) == shapes(loaded)
    assert built.model.layers[0].self_attn.q_proj.bits == 8


def test_the_dtype_is_the_configurations(tiny_backbone: Path) -> None:
    config = read_config(tiny_backbone, "tiny")
    for key in ("dtype", "torch_dtype"):
        built = build_backbone({**config, key: "bfloat16"}, "tiny")
        assert {dtype for _, dtype in shapes(built).values()} == {mx.bfloat16}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "nonesuch"}, "nonesuch"),
        ({"dtype": "float3"}, "unknown dtype float3"),
        ({"quantization_config": {"quant_method": "gptq"}}, "gptq cannot be told"),
    ],
)
def test_what_cannot_be_built_is_said(
    change: dict[str, Any], words: str, tiny_backbone: Path
) -> None:
    config = read_config(tiny_backbone, "tiny")
    with pytest.raises(ModelError, match=words):
        build_backbone({**config, **change}, "tiny")


def test_a_folder_without_a_usable_configuration(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        read_config(tmp_path, "empty")
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 3}))
    with pytest.raises(ModelError, match="names no model_type"):
        read_config(tmp_path, "nameless")
