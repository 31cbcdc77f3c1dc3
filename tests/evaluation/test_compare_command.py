"""`shadow-mlx compare` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main


def test_the_table_has_a_row_for_each_mode_and_says_what_was_fixed(
    adapter: Path, chats: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter)]
    assert main([*command, "--max-tokens", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 questions")
    first_words = [line.split()[0] for line in lines if line]
    assert first_words[1:5] == ["model", "base", "attached", "detached"]
    assert sum("fixed" in line for line in lines) == 3  # each pair of the three


def test_json_on_stdout(adapter: Path, chats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--json"]
    assert main([*command, "--modes", "detached", "--limit", "1", "--max-tokens", "4"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [result["mode"] for result in printed["results"]] == ["detached"]
    assert len(printed["examples"]) == 1


def test_a_missing_test_file_is_one_message(
    adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--data", "nowhere.jsonl", "--adapter-path", str(adapter)]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
