"""The original package's files: its logits, the round trip, and what they cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model
from safetensors import safe_open
from safetensors.numpy import save_file

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from shadow_mlx.checkpoints.shadow_peft import load_original
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import CheckpointError, ConfigError
from shadow_mlx.shadow.attached import AttachedModel, attach
from tests.golden.deterministic import adapter_values, load_golden, write_backbone

HERE = Path(__file__).parents[1] / "golden"
CORE = load_golden(HERE / "core.json")[0]["backbones"]
GOLDEN, ARRAYS = load_golden(HERE / "original.json")
CASES: dict[str, Any] = GOLDEN["cases"]


def folders(name: str, root: Path) -> tuple[Path, Path, str | None]:
    """The backbone, the adapter as the original package writes it, and the explicit shadow."""
    case = CASES[name]
    written = {
        key: write_backbone(root / key, CORE[key]["config"], CORE[key]["tensors"])
        for key in (case["backbone"], case["shadow"])
        if key
    }
    adapter = root / "adapter"
    adapter.mkdir()
    (adapter / "shadow_config.json").write_text(json.dumps(case["config"]))
    save_file(adapter_values(case["adapter"]), adapter / "shadow_adapter.safetensors")
    shadow = written.get(case["shadow"])
    return written[case["backbone"]], adapter, str(shadow) if shadow else None


def loaded(name: str, root: Path) -> tuple[AttachedModel, dict[str, Any], Path]:
    backbone, adapter, shadow = folders(name, root)
    model, config = load_model(backbone)
    return load_original(adapter, model, config, shadow).eval(), config, adapter


@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_the_original_computes(name: str, tmp_path: Path) -> None:
    model, _, _ = loaded(name, tmp_path)
    ids = mx.array(ARRAYS["ids"])
    for mode, found in (("attached", model(ids)), ("detached", model.detached()(ids))):
        np.testing.assert_allclose(found, ARRAYS[f"{name}/{mode}"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_written_again_the_files_are_the_originals(name: str, tmp_path: Path) -> None:
    model, config, adapter = loaded(name, tmp_path)
    ours = tmp_path / "ours"
    save_adapter(ours, model, backbone="some/model", backbone_config=config)
    assert sorted(path.name for path in ours.iterdir()) == [
        "README.md",
        "shadow_adapter.safetensors",
        "shadow_config.json",
    ]
    written = json.loads((ours / "shadow_config.json").read_text())
    assert written.pop("shadow_mlx")["variant"] == "original"
    assert written == CASES[name]["config"]
    files = [folder / "shadow_adapter.safetensors" for folder in (adapter, ours)]
    with safe_open(files[0], "numpy") as old, safe_open(files[1], "numpy") as new:
        assert sorted(new.keys()) == sorted(old.keys())
        for key in old.keys():  # noqa: SIM118 - not a mapping
            np.testing.assert_array_equal(new.get_tensor(key), old.get_tensor(key), err_msg=key)
    backbone, _ = load_model(tmp_path / CASES[name]["backbone"])
    again = load_adapter(ours, backbone, config).eval()
    assert again.config == model.config
    ids = mx.array(ARRAYS["ids"])
    assert mx.array_equal(again(ids), model(ids))
    assert "not converted" in (ours / "README.md").read_text()


def test_cached_decoding_is_the_full_forward(tmp_path: Path) -> None:
    model, _, _ = loaded("mirror", tmp_path)
    ids = mx.array(ARRAYS["ids"])
    cache = make_prompt_cache(model)
    steps = [model(ids[:, t : t + 1], cache=cache) for t in range(ids.shape[1])]
    np.testing.assert_allclose(mx.concatenate(steps, axis=1), model(ids), rtol=0, atol=2e-5)


def test_every_tensor_is_registered_once_and_trained(tiny_backbone: Path) -> None:
    backbone, config = load_model(tiny_backbone)
    options = ShadowConfig(rank=4, sharing="layer", dropout=0.5)
    model = attach(backbone, config, options, variant="original")
    ids = mx.array([[5, 60, 7, 80]])
    assert mx.array_equal(model.eval()(ids), backbone(ids))  # untrained, it changes nothing
    for layer in model.shadow.layers:
        layer.up.weight = mx.ones_like(layer.up.weight)
    model.train()

    def loss(weights: Any) -> mx.array:
        model.update(weights)
        return model(ids).square().mean()

    gradients = dict(tree_flatten(mx.grad(loss)(model.trainable_parameters())))
    reached = {name for name, value in gradients.items() if mx.abs(value).max().item() > 0}
    unreached = gradients.keys() - reached
    last = f"shadow.layers.{len(model.shadow.layers) - 1}."
    assert all(name.startswith((last + "transform", last + "gate")) for name in unreached)
    assert {"shadow.norm.weight", "shadow.norm.bias"} <= reached


def test_what_the_variant_refuses(tiny_backbone: Path, tmp_path: Path) -> None:
    backbone, config = load_model(tiny_backbone)
    with pytest.raises(ConfigError, match="--sharing layer"):
        attach(backbone, config, ShadowConfig(), variant="original")
    model = attach(backbone, config, ShadowConfig(sharing="layer"), variant="original")
    with pytest.raises(ConfigError, match="--grad-checkpoint"):
        model.recompute_activations()
    with pytest.raises(ConfigError, match="they are different functions"):
        save_adapter(tmp_path, model, backbone="x", backbone_config=config, variant="peft")
    config["model_type"] = "unheard-of"
    model.shadow.backbone.model_config["model_type"] = "unheard-of"
    with pytest.raises(ConfigError, match="not known to shadow-mlx"):
        save_adapter(tmp_path, model, backbone="x", backbone_config=config)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    backbone, adapter, _ = folders("explicit", tmp_path)
    with pytest.raises(CheckpointError, match="an explicit shadow model"):
        load_adapter(adapter, *load_model(backbone))
    path = adapter / "shadow_config.json"
    values = json.loads(path.read_text())
    for change, expected in (
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"injection_hidden_size": 0}, "must be at least 1"),
        ({"alpha": "large"}, "expected a number"),
    ):
        path.write_text(json.dumps({**values, **change}))
        with pytest.raises(CheckpointError, match=expected):
            load_adapter(adapter, *load_model(backbone))


def test_tensors_of_peft_are_no_tensors_of_the_original(tmp_path: Path) -> None:
    backbone, adapter, _ = folders("mirror", tmp_path)
    path = adapter / "shadow_adapter.safetensors"
    values = adapter_values(CASES["mirror"]["adapter"])
    del values["shadow_injection_model.injection_downs"]
    values["base_model.model.model.layers.0.shadow_down.default.weight"] = np.zeros((4, 32))
    save_file(values, path)
    with pytest.raises(CheckpointError) as caught:
        load_adapter(adapter, *load_model(backbone))
    assert "injection_downs: expected shape [2, 32, 4]" in str(caught.value)
    assert "expected no such tensor, found F64 [4, 32]" in str(caught.value)
