"""Backbone, attached and drafts, asked in turn: on a tiny model, so that the bench does not rot."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks.decoding import main


def test_each_way_is_asked_and_told(
    tiny_adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    turns = [{"role": "user", "content": "say a"}, {"role": "assistant", "content": "a"}]
    data = tmp_path / "test.jsonl"
    data.write_text((json.dumps({"messages": turns}) + "\n") * 3)
    options = ["--adapter-path", str(tiny_adapter), "--data", str(data)]
    monkeypatch.setattr("sys.argv", ["decoding", *options, "--limit", "2", "--max-tokens", "6"])
    main()
    said = capsys.readouterr().out
    assert said.startswith("2 questions\n")
    assert re.findall(r"^  (\w+) ", said, re.M) == ["base", "attached", "drafts"]
    assert "  base     1.00 × the backbone's tokens/s" in said
    assert "tokens a pass" in said
    monkeypatch.setattr("sys.argv", [*sys.argv, "--drafts", "3", "--temp", "0.7"])
    main()
    [drafted] = re.findall(r"of (\d+) drafts right", capsys.readouterr().out)
    assert int(drafted) > 0
