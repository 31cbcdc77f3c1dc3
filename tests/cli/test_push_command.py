"""``shadow-mlx push`` from the command line; ``tests/hub/test_uploading.py`` has the hub's side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main


def test_a_list_for_people_and_for_programs(
    tiny_adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["push", "--folder", str(tiny_adapter), "--repo", "a/b", "--dry-run"]
    assert main(given) == 0
    said, notes = capsys.readouterr()
    assert said.splitlines()[0] == "would be uploaded to a/b (adapter):"
    assert "note: its configuration names the folder" in notes
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["address"] is None
    sizes = {path.name: path.stat().st_size for path in tiny_adapter.iterdir() if path.is_file()}
    assert found["files"] == sizes


def test_a_repository_is_needed(tiny_adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "--folder", str(tiny_adapter)]) == 2
    assert "--repo: name the repository" in capsys.readouterr().err
