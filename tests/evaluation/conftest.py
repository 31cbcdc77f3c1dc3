"""A tiny model with an adapter, and a few chats to ask it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from shadow_mlx.evaluation import measuring

CHATS = [("Hello", "Hi there"), ("One and one?", "Two"), ("Bye", "Good bye")]


@pytest.fixture(autouse=True)
def _one_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a tiny model is does not matter, however often it is measured."""
    monkeypatch.setattr(measuring, "measure_speed", partial(measuring.measure_speed, trials=1))


@pytest.fixture
def adapter(tiny_adapter: Path) -> Path:
    return tiny_adapter


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    lines = [
        {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answered},
            ]
        }
        for asked, answered in CHATS
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
