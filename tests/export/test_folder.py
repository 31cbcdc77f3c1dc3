"""Where an export may be written, and how large weights are divided."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.export import folder as module
from shadow_mlx.export.folder import check_output, is_export, write_settings, write_weights
from shadow_mlx.files.card_seal import sealed


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write_settings(tmp_path, {"model_type": "x"}, {})
    write_weights(tmp_path, {"a": mx.zeros((2,))})
    (tmp_path / "README.md").write_text(sealed("# A card\n"))
    return tmp_path


def test_an_own_export_an_empty_folder_and_none_may_be_written(
    export: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert is_export(export)
    check_output(export)
    empty = tmp_path_factory.mktemp("empty")
    check_output(empty)
    check_output(empty / "none")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "notes.txt").write_text("mine"), "files that are not its own: notes.txt"),
        (lambda f: (f / "README.md").write_text("# Mine\n"), "README.md, which somebody changed"),
        (lambda f: (f / "config.json").write_text("{}"), "holds what shadow-mlx did not export"),
        (lambda f: (f / "config.json").unlink(), "holds what shadow-mlx did not export"),
        (lambda f: (f / "config.json").write_text("{"), "holds what shadow-mlx did not export"),
    ],
)
def test_what_somebody_else_wrote_is_never_replaced(
    export: Path, change: object, says: str
) -> None:
    assert callable(change)
    change(export)
    with pytest.raises(InputError, match=says):
        check_output(export)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        check_output(tmp_path / "file")


def test_large_weights_are_several_files_with_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "make_shards", lambda tensors: [{k: tensors[k]} for k in tensors])
    write_weights(tmp_path, {"a": mx.zeros((2,)), "b": mx.ones((3,))})
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 20}
    assert index["weight_map"] == {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors",
    }
    assert mx.load(str(tmp_path / index["weight_map"]["b"]))["b"].tolist() == [1, 1, 1]
