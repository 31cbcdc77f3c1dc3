"""A search of the hub: what it offers, and one message where it cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.errors import HubError
from shadow_mlx.hub.searching import Offer, search
from tests.hub_server import FakeHub, fake_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as running:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


def test_models_are_found_by_words(hub: FakeHub, tmp_path: Path) -> None:
    config = {"model_type": "qwen3", "quantization_config": {"bits": 4}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"12345678")
    hub.repos = {f"models/owner/{name}": tmp_path for name in ("Qwen3-4bit", "Other")}
    hub.gated = {"models/owner/Qwen3-4bit"}
    assert search("qwen 4bit") == [Offer("owner/Qwen3-4bit", "qwen3", "4-bit", 8, 0, True)]
    assert search("nothing") == []


def test_what_the_hub_does_not_say_is_left_open(hub: FakeHub) -> None:
    listed = [
        {"id": "a/b"},
        {"id": "a/c", "config": 3, "safetensors": {"parameters": {"U32": 2, "I8": 1, "x": None}}},
        {"id": "a\n/d"},
        {"id": 3},
        "text",
    ]
    hub.says["api/models"] = (200, json.dumps(listed).encode(), {})
    assert search("a") == [Offer("a/b", "", "", 0, 0, False), Offer("a/c", "", "", 9, 0, False)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"<html>", "a web page came"),
        (b"{}", "an object where a list is expected"),
        (b"", "no whole"),
    ],
)
def test_something_else_answers(hub: FakeHub, said: bytes, told: str) -> None:
    hub.says["api/models"] = (200, said, {})
    with pytest.raises(HubError, match=rf"cannot be searched .*{told}.* by its id"):
        search("a")


def test_a_hub_that_fails_is_told(hub: FakeHub) -> None:
    hub.broken = True
    with pytest.raises(HubError, match="cannot be searched"):
        search("a")
