"""``shadow-mlx import`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.cli.main import command_module, main


def test_in_and_out_again(
    tiny_adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    given = ["export", "--adapter-path", str(tiny_adapter), "--output", str(theirs), "--to", "peft"]
    assert main(given) == 0
    assert f"{theirs}: the adapter, as peft opens it" in capsys.readouterr().out
    assert main(["import", "--source", str(theirs), "--adapter-path", str(ours)]) == 0
    assert f"shadow-mlx chat --adapter-path {ours}" in capsys.readouterr().out
    assert (ours / "adapter_model.safetensors").is_file()


def test_without_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import"]) == 2
    assert "--source: name the folder" in capsys.readouterr().err


def test_a_command_that_is_a_word_of_python() -> None:
    assert command_module("import").__name__.endswith(".import_")
