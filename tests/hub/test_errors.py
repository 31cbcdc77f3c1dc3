"""What a hub, or what answers in its place, can say: one line of plain words each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from shadow_mlx.errors import HubError, ShadowMLXError
from shadow_mlx.hub.listing import listing
from tests.hub.test_resolving import ask
from tests.hub_server import FakeHub, fake_hub

CALL = "resolving.resolve_model('owner/tiny')"
LOGIN = b"<!DOCTYPE html><html><title>Welcome to Hotel WiFi</title></html>"
HTML = {"Content-Type": "text/html"}


@pytest.fixture
def server(tiny_backbone: Path) -> Iterator[FakeHub]:
    with fake_hub() as running:
        running.repos["models/owner/tiny"] = tiny_backbone
        yield running


@pytest.mark.parametrize(
    ("status", "content", "headers", "says"),
    [
        (200, LOGIN, HTML, "a web page came from http://127.0.0.1"),
        (200, b"[1, 2]", {}, "gave a list where an object is expected"),
        (200, b'{"sha": "abc", "sibl', {}, "an answer that is no whole JSON"),
        (200, b"\xff\xfe\x00", {}, "an answer that is no whole JSON"),
        (200, b"", {}, "an answer that is no whole JSON"),
        (200, b"null", {}, "gave nothing where an object is expected"),
        (200, b'{"id": 3}', {}, "names no commit"),
        (200, b'{"sha": "abc", "siblings": [3]}', {}, "names no files"),
        (200, b"[" * 100_000, {}, "no whole JSON"),
        (403, b"{}", {"X-Error-Code": "GatedRepo"}, "the model is gated; accept its terms"),
        (403, b"{}", {"X-Error-Message": "Not yours."}, r"refuses the model \(Not yours\.\)"),
        (403, LOGIN, HTML, "the hub refuses the model: it needs a login"),
        (401, b"{}", {}, "no such model on the hub .or it is private: hf auth login"),
        (404, b"{}", {}, "no such model on the hub"),
        (429, b"{}", {"Retry-After": "30"}, "too many requests; try again in 30 seconds"),
        (503, b"", {}, "the hub itself has a fault now .503.; try again later"),
        (302, b"", {"Location": "/login"}, "a web page came from"),
        (302, b"", {"Location": "/api/models/owner/tiny"}, "sends on in a circle"),
        (418, b"", {}, "answers 418"),
    ],
)
def test_an_answer_that_is_none(
    server: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    content: bytes,
    headers: dict[str, str],
    says: str,
) -> None:
    server.says["api/"] = (status, content, headers)
    server.says["login"] = (200, LOGIN, HTML)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(ShadowMLXError) as refused:
        listing("owner/tiny", "model")
    said = f"{type(refused.value).__name__} {refused.value.exit_code}: {refused.value}"
    assert len(said) < 380
    assert "\n" not in said
    assert_says(said, says)


def assert_says(said: str, pattern: str) -> None:
    assert said.startswith(("HubError 3: owner/tiny: ", "ModelError 2: owner/tiny: ")), said
    assert re.search(pattern, said), said
    for word in ("no Python frame", "Error:", "httpx", "JSONDecode", "Traceback"):
        assert word not in said.partition(": ")[2], said


def test_an_expired_token_is_named(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwxyz")
    server.says["api/"] = (401, b"{}", {"X-Error-Message": "Token hf_abcdefghijkl is expired"})
    [said] = ask(tmp_path, server.url, CALL)
    assert_says(said, r"does not take your access token \(Token hf_… is expired\): .*hf auth login")
    assert "hf_abc" not in said


def test_the_files_are_refused_though_the_list_is_not(server: FakeHub, tmp_path: Path) -> None:
    server.says["owner/tiny/resolve"] = (403, b"{}", {"X-Error-Code": "GatedRepo"})
    [said] = ask(tmp_path, server.url, CALL)
    assert_says(said, "the model is gated")
    server.says["owner/tiny/resolve"] = (200, LOGIN, HTML)
    [said] = ask(tmp_path, server.url, CALL)
    assert_says(said, "is not the file that the hub lists")
    del server.says["owner/tiny/resolve"]
    [folder] = ask(tmp_path, server.url, CALL)
    assert json.loads((Path(folder) / "config.json").read_text())["model_type"] == "qwen3"


def test_a_password_in_the_address_is_never_shown(server: FakeHub, tmp_path: Path) -> None:
    url = server.url.replace("//", "//anna:secret@")
    server.says["api/"] = (503, b"", {})
    said = ask(tmp_path, url, CALL, "resolving.choose_model()")
    server.says["api/"] = (403, b"{}", {"X-Error-Code": "GatedRepo"})
    said += ask(tmp_path, url, CALL)
    said += ask(tmp_path, "http://anna:secret@127.0.0.1:9", CALL, "resolving.choose_model()")
    for line in said:
        assert "secret" not in line
        assert "anna" not in line


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://x", "http://", "http://[::1", "x y"])
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", address)
    with pytest.raises(HubError, match="HF_ENDPOINT: expected an address such as https://"):
        listing("owner/tiny", "model")
