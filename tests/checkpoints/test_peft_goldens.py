"""Folders that PEFT wrote, read; and what we write, against PEFT's own files, name by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model
from safetensors import safe_open

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from shadow_mlx.checkpoints.tensors import NARROWING
from shadow_mlx.shadow.attached import AttachedModel
from tests.golden.deterministic import adapter_values, fill, write_adapter, write_backbone

HERE = Path(__file__).parents[1] / "golden"
CORE = json.loads((HERE / "core.json").read_text())
ARRAYS = np.load(HERE / "core.npz")
TABLE = "base_model.shadow_backbone.default.embed_tokens.weight"


def folders(case: dict[str, Any], root: Path) -> tuple[Path, Path]:
    """The backbone's folder and PEFT's adapter folder of a golden case."""
    described = CORE["backbones"]
    entry = described[case["backbone"]]
    backbone = write_backbone(root / "backbone", entry["config"], entry["tensors"])
    shadow = None
    if case["shadow"]:
        entry = described[case["shadow"]]
        shadow = write_backbone(root / "shadow", entry["config"], entry["tensors"])
    tensors = adapter_values(case["adapter"], case["sharing"])
    if case["embeddings"] == "projected":
        width = tensors[TABLE].shape[1]
        narrowing = fill("embedding_projection.weight", (width, 32))
        embeddings = fill("model.embed_tokens.weight", (96, 32))
        tensors[TABLE] = embeddings @ narrowing.T
    adapter = write_adapter(root / "adapter", case["adapter_config"], tensors, shadow)
    return backbone, adapter


def loaded(backbone: Path, adapter: Path) -> tuple[AttachedModel, dict[str, Any]]:
    model, config = load_model(backbone)
    return load_adapter(adapter, model, config).eval(), config


@pytest.mark.parametrize("name", CORE["cases"])
def test_what_peft_wrote_gives_pefts_logits(name: str, tmp_path: Path) -> None:
    model, _ = loaded(*folders(CORE["cases"][name], tmp_path))
    ids = mx.array(ARRAYS["ids"])
    for mode, found in (("attached", model(ids)), ("detached", model.detached()(ids))):
        np.testing.assert_allclose(found, ARRAYS[f"{name}/{mode}"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", CORE["cases"])
def test_written_again_it_is_the_folder_that_peft_wrote(name: str, tmp_path: Path) -> None:
    backbone, adapter = folders(CORE["cases"][name], tmp_path)
    model, config = loaded(backbone, adapter)
    save_adapter(tmp_path / "ours", model, backbone="somebody/model", backbone_config=config)
    theirs = json.loads((adapter / "adapter_config.json").read_text())
    ours = json.loads((tmp_path / "ours" / "adapter_config.json").read_text())
    assert ours.pop("shadow_mlx")["not_for_peft"] is None
    assert ours == {**theirs, "base_model_name_or_path": "somebody/model"}
    files = [folder / "adapter_model.safetensors" for folder in (adapter, tmp_path / "ours")]
    with safe_open(files[0], "numpy") as old, safe_open(files[1], "numpy") as new:
        assert new.metadata() == {"format": "pt"}
        assert sorted(new.keys()) == sorted(old.keys())
        for key in old.keys():  # noqa: SIM118 - not a mapping
            np.testing.assert_array_equal(new.get_tensor(key), old.get_tensor(key), err_msg=key)


@pytest.mark.parametrize("backbone", ["qwen3-tied", "llama-untied"])
@pytest.mark.parametrize("embeddings", ["shared", "projected"])
def test_a_depth_shared_adapter_has_exactly_pefts_tensors(
    backbone: str, embeddings: str, tmp_path: Path
) -> None:
    from shadow_mlx.config import ShadowConfig
    from shadow_mlx.shadow.attached import attach

    case = CORE["cases"][f"{backbone}/depth/{embeddings}"]
    folder, _ = folders(case, tmp_path)
    narrow = {
        "shadow_hidden_size": 16,
        "shadow_intermediate_size": 24,
        "shadow_heads": 2,
        "shadow_layers": 2,
    }
    options = ShadowConfig(
        rank=4,
        sharing="depth",
        update_hidden_size=6,
        alpha=0.7,
        aux_weight=0.3,
        **(narrow if embeddings == "projected" else {"shadow_layers": 1}),
    )
    model, config = load_model(folder)
    attached = attach(model, config, options)
    save_adapter(tmp_path / "ours", attached, backbone="somebody/model", backbone_config=config)
    written = json.loads((tmp_path / "ours" / "adapter_config.json").read_text())
    own = written.pop("shadow_mlx")
    assert own["sharing"] == "depth"
    assert own["not_for_peft"] is None
    assert written == {**case["adapter_config"], "base_model_name_or_path": "somebody/model"}
    with safe_open(tmp_path / "ours" / "adapter_model.safetensors", "numpy") as file:
        shapes = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        if embeddings == "projected":
            assert shapes.pop(NARROWING) == [16, 32]
            table = np.array(attached.backbone.model.embed_tokens.weight) @ np.array(
                attached.shadow.backbone.inner.embed_tokens.projection.weight.T
            )
            np.testing.assert_allclose(file.get_tensor(TABLE), table, atol=1e-6)
    assert shapes == case["adapter"]
