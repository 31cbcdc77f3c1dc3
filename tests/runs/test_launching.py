"""Where a run may be started, and the end of what it printed. The UI's tests start some."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.launching import check_target, free_folder, log_tail
from tests.runs.fake_run import story, write_story


def test_a_folder_that_is_taken_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (free_folder(), check_target(tmp_path / "adapters")) == ("adapters", None)
    folder = write_story(tmp_path / "adapters", story(20))
    (tmp_path / "adapters-2").mkdir()
    (tmp_path / "adapters-2" / "adapter_config.json").write_text("{}")
    assert free_folder() == free_folder("adapters-2") == "adapters-3"
    assert "holds a run already" in str(check_target(folder))
    with RunFolder(folder).lock():
        assert "a run is at work here" in str(check_target(folder))
    (tmp_path / "model.safetensors").touch()
    assert "model.safetensors: of a model" in str(check_target(tmp_path))


def test_the_end_of_the_output(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.run.mkdir()
    assert log_tail(tmp_path) == ""
    run.output.write_bytes(b"x" * 9000 + b"\nold\n10%\r20%\n\xff\n")
    assert log_tail(tmp_path, 2) == "20%\n�"
    run.output.unlink()
    os.mkfifo(run.output)  # nobody is kept waiting
    assert log_tail(tmp_path) == ""
