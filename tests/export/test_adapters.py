"""Adapters of PEFT and shadow-peft in and out: the same function, and refused where it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx import loading
from shadow_mlx.checkpoints.draft_tokens import read_draft_tokens, write_draft_tokens
from shadow_mlx.checkpoints.peft import adapter_record
from shadow_mlx.config import ExportConfig, ImportConfig
from shadow_mlx.errors import CheckpointError, ConfigError, InputError
from shadow_mlx.export.adapters import export_adapter, import_adapter
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.shadow.draft_tokens import DraftTokens
from tests.checkpoints import test_peft_goldens as peft
from tests.checkpoints import test_shadow_peft as original
from tests.export.conftest import Adapter


def logits(adapter: Path, ids: mx.array) -> dict[str, mx.array]:
    return {mode: loading.load_model(None, adapter, mode)(ids) for mode in ("attached", "detached")}


@pytest.mark.parametrize("name", ["qwen3-tied/layer/shared", "qwen3-tied/depth/table"])
def test_what_peft_wrote_becomes_ours(name: str, tmp_path: Path) -> None:
    backbone, source = peft.folders(peft.CORE["cases"][name], tmp_path)
    target = tmp_path / "ours"
    config = ImportConfig(source=str(source), model=str(backbone), adapter_path=str(target))
    assert import_adapter(config) == target
    assert "shadow_mlx" in json.loads((target / "adapter_config.json").read_text())
    for mode, found in logits(target, mx.array(peft.ARRAYS["ids"])).items():
        np.testing.assert_allclose(found, peft.ARRAYS[f"{name}/{mode}"], rtol=0, atol=2e-5)
    with pytest.raises(InputError, match="holds an adapter already"):
        import_adapter(config)


@pytest.mark.parametrize("name", ["mirror", "explicit"])
def test_what_shadow_peft_wrote_goes_in_and_out(name: str, tmp_path: Path) -> None:
    backbone, source, shadow = original.folders(name, tmp_path)
    target, out = tmp_path / "ours", tmp_path / "out"
    import_adapter(
        ImportConfig(
            source=str(source), model=str(backbone), adapter_path=str(target),
            explicit_shadow=shadow,
        )
    )  # fmt: skip
    for mode, found in logits(target, mx.array(original.ARRAYS["ids"])).items():
        np.testing.assert_allclose(found, original.ARRAYS[f"{name}/{mode}"], rtol=0, atol=2e-5)
    exporting = ExportConfig(adapter_path=str(target), output=str(out), to="shadow-peft")
    assert export_adapter(exporting) == out
    written = json.loads((out / "shadow_config.json").read_text())
    assert written.pop("shadow_mlx")["variant"] == "original"
    assert written == original.CASES[name]["config"]
    with pytest.raises(ConfigError, match="different functions"):
        export_adapter(
            ExportConfig(adapter_path=str(target), output=str(tmp_path / "x"), to="peft")
        )
    assert not (tmp_path / "x").exists()


def test_an_adapter_alone_without_its_run(tiny_adapter: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = ExportConfig(adapter_path=str(tiny_adapter), output=str(out), to="peft")
    export_adapter(config)
    assert {path.name for path in out.iterdir()} == {
        "README.md", "adapter_config.json", "adapter_model.safetensors",
    }  # fmt: skip
    ids = mx.array([[5, 60, 7, 80]])
    found, expected = logits(out, ids), logits(tiny_adapter, ids)
    assert all(mx.array_equal(found[mode], expected[mode]) for mode in found)
    export_adapter(config)  # its own earlier export is replaced
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="notes"):
        export_adapter(config)


def test_draft_tokens_are_brought_and_not_given_away(tiny_adapter: Path, tmp_path: Path) -> None:
    source, ours, out = tmp_path / "source", tmp_path / "ours", tmp_path / "out"
    shutil.copytree(tiny_adapter, source)
    tokens = DraftTokens((5, 3), (2, 1))
    write_draft_tokens(source, tokens, 259)
    import_adapter(ImportConfig(source=str(source), adapter_path=str(ours)))
    assert read_draft_tokens(ours, 259) == tokens
    export_adapter(ExportConfig(adapter_path=str(ours), output=str(out), to="peft"))
    assert not (out / "draft_tokens.json").exists()


def test_the_backbone_that_is_named_is_the_one_that_is_recorded(
    tiny_backbone: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    out, elsewhere = tmp_path / "out", str(tmp_path / "elsewhere")
    shutil.copytree(tiny_backbone, elsewhere)
    for model in (None, elsewhere):
        export_adapter(
            ExportConfig(adapter_path=str(tiny_adapter), output=str(out), to="peft", model=model)
        )
        assert adapter_record(out).backbone_name == (model or str(tiny_backbone))


def test_a_run_is_never_replaced(tiny_adapter: Path, tmp_path: Path) -> None:
    run = tmp_path / "run-folder"
    (run / "run").mkdir(parents=True)
    with pytest.raises(InputError, match="holds run"):
        export_adapter(ExportConfig(adapter_path=str(tiny_adapter), output=str(run), to="peft"))


def test_what_peft_cannot_open_is_refused(
    tiny_backbone: Path, tmp_path: Path, adapter_on: Adapter
) -> None:
    adapter = adapter_on(tiny_backbone, shadow_heads=2, shadow_kv_heads=1)
    config = ExportConfig(adapter_path=str(adapter), output=str(tmp_path / "x"), to="peft")
    with pytest.raises(ConfigError, match="key/value heads"):
        export_adapter(config)
    assert not (tmp_path / "x").exists()


def test_what_is_missing_is_named(tiny_adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--source: name the folder"):
        import_adapter(ImportConfig())
    with pytest.raises(CheckpointError, match="no such folder"):
        import_adapter(ImportConfig(source=str(tmp_path / "none")))
    with pytest.raises(InputError, match="--explicit-shadow: PEFT's adapters name"):
        import_adapter(
            ImportConfig(
                source=str(tiny_adapter), adapter_path=str(tmp_path / "x"), explicit_shadow="sprout"
            )
        )
    assert not RunFolder(tmp_path / "x").has_adapter
