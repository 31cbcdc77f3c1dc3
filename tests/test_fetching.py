"""Downloads against a stand-in hub: their progress, and what an end in the middle leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.errors import HubError, ModelError
from shadow_mlx.fetching import bytes_here, fetch
from tests.hub_server import FakeHub, fake_hub

MB = 1 << 20
PATTERNS = ["*.json", "*.safetensors"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with one model whose weights count as large."""
    remote = tmp_path / "remote"
    remote.mkdir()
    (remote / "config.json").write_text('{"model_type": "qwen3"}')
    (remote / "model.safetensors").write_bytes(os.urandom(MB) * 24)
    (remote / "pytorch_model.bin").write_bytes(b"duplicate")
    with fake_hub() as running:
        running.repos["models/owner/large"] = remote
        for name, value in {
            "HF_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": running.url,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield running


class StoppedError(Exception):
    """The person does not want it any more."""


def test_progress_in_bytes_up_to_the_whole(server: FakeHub) -> None:
    seen: list[tuple[int, int]] = []
    folder = fetch("owner/large", "model", PATTERNS, lambda *figures: seen.append(figures))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    total = sum(path.stat().st_size for path in folder.iterdir())
    assert {there for _, there in seen} == {total}
    assert [here for here, _ in seen] == sorted(here for here, _ in seen)
    assert seen[-1] == (total, total)


def test_stopped_in_the_middle_it_goes_on_from_there(server: FakeHub) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 12 * MB:
            raise StoppedError

    server.stalls_after = 12 * MB
    with pytest.raises(StoppedError):
        fetch("owner/large", "model", PATTERNS, stop)
    server.stalls_after = None
    first: list[int] = []
    folder = fetch("owner/large", "model", PATTERNS, lambda done, _: first.append(done))
    assert server.ranges == [f"bytes={12 * MB}-"]
    assert first[0] >= 12 * MB
    remote = server.repos["models/owner/large"]
    for name in ("config.json", "model.safetensors"):
        assert (folder / name).read_bytes() == (remote / name).read_bytes()


def test_a_hub_that_dies_midway_is_one_message_and_nothing_is_lost(server: FakeHub) -> None:
    server.dies_after = 12 * MB
    with pytest.raises(HubError, match=r"owner/large: the download broke off .* goes on") as caught:
        fetch("owner/large", "model", PATTERNS, lambda *_: None)
    assert "\n" not in str(caught.value)
    server.dies_after, server.broken = None, False
    server.ranges.clear()
    assert (fetch("owner/large", "model", PATTERNS, lambda *_: None) / "config.json").is_file()
    assert server.ranges == [f"bytes={12 * MB}-"]


def test_what_the_hub_does_not_have(server: FakeHub) -> None:
    with pytest.raises(ModelError, match="owner/none: no such model on the hub"):
        fetch("owner/none", "model", PATTERNS, lambda *_: None)


def test_bytes_are_counted_by_blob(tmp_path: Path) -> None:
    sizes = {"aa": 100, "bb": 50_000, "cc": 10}
    assert bytes_here(tmp_path / "none", sizes) == 0
    (tmp_path / "aa").write_bytes(b"x" * 100)
    (tmp_path / "bb.incomplete").write_bytes(b"x" * 30_000)
    (tmp_path / "other").write_bytes(b"x" * 1000)
    assert bytes_here(tmp_path, sizes) == 100 + 30_000
    with (tmp_path / "bb.1234.incomplete").open("wb") as file:
        file.truncate(50_000)  # a hole: nothing of it is written
    assert bytes_here(tmp_path, sizes) == 100 + 30_000
