"""What belongs to an adapter or an exported model, and nothing else that lies beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shadow_mlx.checkpoints.draft_tokens import write_draft_tokens
from shadow_mlx.config import ExportConfig, PushConfig
from shadow_mlx.errors import InputError
from shadow_mlx.export.exporting import export_model
from shadow_mlx.export.publishing import publish
from shadow_mlx.shadow.draft_tokens import DraftTokens


def listed(folder: Path) -> set[str]:
    return set(publish(PushConfig(folder=str(folder), repo="a/b", dry_run=True)).files)


def test_an_adapter_goes_without_its_run_and_its_neighbours(
    tiny_adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(tiny_adapter, folder)
    (folder / "run").mkdir()
    (folder / "run" / "events.jsonl").write_text("")
    (folder / "secrets.env").write_text("TOKEN=1")
    write_draft_tokens(folder, DraftTokens((5, 3), (2, 1)), 259)  # the words of somebody's data
    assert listed(folder) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}


def test_an_exported_model_goes_with_its_tokenizer(tiny_adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export_model(ExportConfig(adapter_path=str(tiny_adapter), output=str(folder)))
    (folder / "notes.txt").write_text("mine")
    found = publish(PushConfig(folder=str(folder), repo="a/b", dry_run=True))
    assert found.kind == "model"
    assert found.notes == ()
    assert found.address is None
    assert set(found.files) == {
        "README.md", "config.json", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    (folder / "README.md").unlink()
    [note] = publish(PushConfig(folder=str(folder), repo="a/b", dry_run=True)).notes
    assert "no model card" in note


def test_what_is_neither_is_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    for folder, says in ((tmp_path / "none", "no such folder"), (tiny_backbone, "holds neither")):
        with pytest.raises(InputError, match=says):
            listed(folder)
