"""The detached model as a projected shadow: written, read again, and trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_config, load_model

from shadow_mlx import loading
from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import ExportConfig, ShadowConfig, TrainConfig
from shadow_mlx.errors import ConfigError, InputError, UnsupportedArchitectureError
from shadow_mlx.export.projected import export_projected
from shadow_mlx.files.writing import save_safetensors
from shadow_mlx.jobs import export
from shadow_mlx.shadow.attached import attach
from shadow_mlx.shadow.explicit import load_explicit
from shadow_mlx.training.model import prepare_model
from tests.export.conftest import Adapter
from tests.golden.deterministic import load_golden
from tests.golden.projected import write_projected
from tests.tiny import write_tiny_backbone

IDS = mx.array([[5, 60, 7, 80, 200, 11]])
GOLDEN = Path(__file__).parents[1] / "golden"
OPENED, LOGITS = load_golden(GOLDEN / "projected.json")
FAMILIES, ARRAYS = load_golden(GOLDEN / "families.json")


def written(adapter: Path, output: Path, **options: Any) -> Any:
    return export_projected(ExportConfig(adapter_path=str(adapter), output=str(output), **options))


def begun(backbone: Path, shadow: Path) -> Any:
    model, config = load_model(backbone)
    given = TrainConfig(model=str(backbone), shadow=str(shadow), rank=4)
    return prepare_model(model, config, given).eval()


@pytest.mark.parametrize("narrow", [None, 16])
@pytest.mark.parametrize("tied", [True, False])
def test_a_training_begins_with_the_very_function(
    tmp_path: Path, adapter_on: Adapter, narrow: int | None, tied: bool
) -> None:
    backbone = write_tiny_backbone(tmp_path / "backbone", tie_word_embeddings=tied)
    adapter = adapter_on(backbone, shadow_hidden_size=narrow)
    found = written(adapter, tmp_path / "out")
    assert found.apart < 1e-6
    assert found.widths == (narrow or 32, 32)
    tensors = mx.load(str(tmp_path / "out" / "model.safetensors"))
    projection = np.array(tensors["shadow_hidden_projection.weight"])
    if narrow is None:
        np.testing.assert_array_equal(projection, np.eye(32))
    own = mx.load(str(backbone / "model.safetensors"))
    head = own["model.embed_tokens.weight" if tied else "lm_head.weight"]
    np.testing.assert_allclose(np.array(tensors["lm_head.weight"]), head, rtol=0, atol=1e-6)
    sizes = {name: value.size for name, value in tensors.items() if name != "lm_head.weight"}
    assert found.parameters == sum(sizes.values())

    expected = np.array(loading.load_model(None, adapter, "detached", for_training=True)(IDS))
    model = begun(backbone, tmp_path / "out")
    np.testing.assert_allclose(np.array(model.detached()(IDS)), expected, rtol=0, atol=1e-5)
    # and what it became is an adapter that PEFT opens, with a model's folder as its shadow
    save_adapter(
        tmp_path / "b", model, backbone=str(backbone), backbone_config=load_config(backbone)
    )
    record = json.loads((tmp_path / "b" / "adapter_config.json").read_text())
    assert record["shadow_model"] == str(tmp_path / "out")
    assert record["shadow_mlx"]["not_for_peft"] is None


@pytest.mark.parametrize("case", sorted(LOGITS))
def test_the_folder_is_the_one_that_shadow_peft_opened(case: str, tmp_path: Path) -> None:
    name, kind = case.split("/")
    folder, _ = write_projected(FAMILIES["families"][name], kind, tmp_path)
    described = OPENED["cases"][case]
    assert json.loads((folder / "config.json").read_text()) == described["config"]
    tensors = mx.load(str(folder / "model.safetensors"))
    assert {key: list(value.shape) for key, value in tensors.items()} == described["tensors"]
    network = load_explicit(folder)
    states = network.decoder.final_hidden(mx.array(ARRAYS[f"{name}/ids"]))
    found = states @ tensors["shadow_hidden_projection.weight"].T @ tensors["lm_head.weight"].T
    theirs = LOGITS[case]
    np.testing.assert_allclose(
        np.array(found), theirs, rtol=0, atol=2e-5 * float(np.abs(theirs).max())
    )


def test_six_families_were_asked_in_both_kinds_and_most_others_too() -> None:
    assert len(LOGITS) == 12
    same = [case for case, one in OPENED["cases"].items() if "the same" in str(one.get("found"))]
    assert len({case.split("/")[0] for case in same}) >= 35


def test_for_another_width_its_projection_is_fitted_to_its_own_head(
    tiny_backbone: Path, tmp_path: Path, adapter_on: Adapter
) -> None:
    adapter = adapter_on(tiny_backbone, shadow_hidden_size=16)
    written(adapter, tmp_path / "out")
    wide = write_tiny_backbone(tmp_path / "wide", seed=3, hidden_size=48)
    found, carried = begun(wide, tmp_path / "out"), begun(wide, adapter)
    np.testing.assert_allclose(
        np.array(found.shadow.backbone.projection.weight),
        np.array(carried.shadow.backbone.projection.weight),
        rtol=0,
        atol=1e-4,
    )
    expected = np.array(carried.detached()(IDS))
    np.testing.assert_allclose(np.array(found.detached()(IDS)), expected, rtol=0, atol=1e-3)


def test_a_projection_for_another_head_is_taken_as_it_is_and_said(
    tiny_backbone: Path,
    tmp_path: Path,
    adapter_on: Adapter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written(adapter_on(tiny_backbone, shadow_layers=1), tmp_path / "out")
    monkeypatch.setattr("shadow_mlx.notes._said", set())  # each thing is said once in a process
    begun(tiny_backbone, tmp_path / "out")
    assert "another head" not in caplog.text
    other = write_tiny_backbone(tmp_path / "other", seed=3)
    model = begun(other, tmp_path / "out")
    assert "made for another head than this backbone's" in caplog.text
    assert mx.array_equal(model.shadow.backbone.projection.weight, mx.eye(32))


def test_a_shadow_that_came_from_elsewhere_goes_on(
    tiny_backbone: Path, tmp_path: Path, adapter_on: Adapter
) -> None:
    """One that was carried over is a plain model again, without the blocks that hand through."""
    wide = write_tiny_backbone(tmp_path / "wide", seed=3, hidden_size=48)
    model = begun(wide, adapter_on(tiny_backbone, shadow_layers=1))
    save_adapter(tmp_path / "b", model, backbone=str(wide), backbone_config=load_config(wide))
    assert written(tmp_path / "b", tmp_path / "out").apart < 1e-6
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["base_hidden_size"] == 48
    assert config["shadow_model_config"]["num_hidden_layers"] == 1
    assert "shadow_mlx_blocks" not in config["shadow_model_config"]


def test_half_precision_is_kept_for_the_head_alone(tmp_path: Path) -> None:
    backbone = write_tiny_backbone(tmp_path / "backbone", dtype="bfloat16")
    weights = mx.load(str(backbone / "model.safetensors"))
    half = {name: value.astype(mx.bfloat16) for name, value in weights.items()}
    mx.save_safetensors(str(backbone / "model.safetensors"), half, {"format": "pt"})
    model, config = load_model(backbone)
    shadowed = attach(model, config, ShadowConfig(rank=4, shadow_layers=1, shadow_hidden_size=16))
    save_adapter(tmp_path / "a", shadowed, backbone=str(backbone), backbone_config=config)
    assert written(tmp_path / "a", tmp_path / "out").apart < 1e-2
    kinds = {n: v.dtype for n, v in mx.load(str(tmp_path / "out" / "model.safetensors")).items()}
    assert kinds.pop("lm_head.weight") == mx.bfloat16
    assert set(kinds.values()) == {mx.float32}


def test_an_architecture_whose_names_are_not_known_is_refused(
    tiny_backbone: Path, tmp_path: Path, adapter_on: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_on(tiny_backbone)
    monkeypatch.setattr("shadow_mlx.export.projected.family_of", lambda kind: None)
    with pytest.raises(UnsupportedArchitectureError, match="names of qwen3's tensors"):
        written(adapter, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("change", "said"), [(-1.0, "gives other answers"), (None, "read again")])
def test_what_would_be_read_otherwise_is_not_written(
    tiny_backbone: Path,
    tmp_path: Path,
    adapter_on: Adapter,
    monkeypatch: pytest.MonkeyPatch,
    change: float | None,
    said: str,
) -> None:
    adapter = adapter_on(tiny_backbone)

    def damaged(path: Path, tensors: dict[str, mx.array], metadata: dict[str, str]) -> None:
        norm = tensors.pop("shadow_model.norm.weight")
        more = {} if change is None else {"shadow_model.norm.weight": norm * change}
        save_safetensors(path, tensors | more, metadata)

    monkeypatch.setattr("shadow_mlx.export.projected.save_safetensors", damaged)
    with pytest.raises(UnsupportedArchitectureError, match=said):
        written(adapter, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_belongs_to_plain_models_is_refused_and_a_folder_of_others_is_kept(
    tiny_backbone: Path, tmp_path: Path, adapter_on: Adapter
) -> None:
    adapter = adapter_on(tiny_backbone)
    with pytest.raises(ConfigError, match=r"--q-bits changes a model; .* --to projected"):
        ExportConfig(to="projected", q_bits=4)
    options = ExportConfig(adapter_path=str(adapter), output=str(tmp_path / "out"), to="projected")
    export(options)
    export(options)  # its own earlier export is replaced
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        export(options)
