"""The one command: what it starts, and with what."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import beside_lora, decoding, speed, start_up


def test_each_part_is_given_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(start_up, "main", lambda: asked.update(start=True))
    monkeypatch.setattr(
        decoding, "contenders_of", lambda *given: asked.update(decoding=given) or {}
    )
    monkeypatch.setattr(beside_lora, "main", lambda given: asked.update(training=given))
    speed.main([])
    assert asked == {"start": True}
    here = str(Path(__file__).parents[2] / "models/sprout/data/robot-intents/test.jsonl")
    monkeypatch.setattr(decoding, "lines_of", lambda contenders: [])
    speed.main(["--adapter-path", "a", "--chats", here, "--limit", "1", "--data", "folder"])
    assert asked["decoding"] == (None, "a", {}, None)
    assert asked["training"] == ["--data", "folder", "--rounds", "3"]


def test_an_adapter_needs_chats(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        speed.main(["--adapter-path", "a"])
    assert "go together" in capsys.readouterr().err
