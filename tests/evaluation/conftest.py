"""A tiny model with an adapter, and a few chats to ask it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CHATS = [("Hello", "Hi there"), ("One and one?", "Two"), ("Bye", "Good bye")]


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
