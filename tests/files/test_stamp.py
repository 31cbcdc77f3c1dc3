"""A stamp is that of the files that decide what a model answers."""

from __future__ import annotations

import os
from pathlib import Path

from shadow_mlx.files.stamp import files_stamp


def test_a_stamp_changes_with_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    weights = folder / "model.safetensors"
    weights.write_bytes(b"one")
    before = files_stamp(folder)
    assert files_stamp(folder, None) == before
    (folder / "notes.md").write_text("not read")
    assert files_stamp(folder) == before
    os.utime(weights, ns=(1, 1))
    assert files_stamp(folder) != before
