"""Downloads against a stand-in hub: their progress, and what an end in the middle leaves."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.errors import HubError, ModelError
from shadow_mlx.hub.fetching import bytes_here, fetch
from tests.hub_server import FakeHub, fake_hub, git_id

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


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("extra", [-1, 0, 1, 10 * MB])
def test_a_part_that_is_not_the_file_s_beginning_is_begun_anew(
    server: FakeHub, tmp_path: Path, large: bool, extra: int
) -> None:
    server.large = large
    content = (server.repos["models/owner/large"] / "model.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest() if large else git_id(content)
    blobs = tmp_path / "home" / "hub" / "models--owner--large" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{digest}.part").write_bytes(b"x" * (len(content) + extra))
    folder = fetch("owner/large", "model", PATTERNS, lambda *_: None)
    assert (folder / "model.safetensors").read_bytes() == content
    assert not list(blobs.glob("*.part"))


def test_what_arrives_damaged_is_fetched_again_once(server: FakeHub, tmp_path: Path) -> None:
    server.damages = 1
    folder = fetch("owner/large", "model", PATTERNS, lambda *_: None)
    for name in ("config.json", "model.safetensors"):
        remote = server.repos["models/owner/large"] / name
        assert (folder / name).read_bytes() == remote.read_bytes()
    shutil.rmtree(tmp_path / "home")
    server.damages = 4
    with pytest.raises(HubError, match="is not the file that the hub lists"):
        fetch("owner/large", "model", PATTERNS, lambda *_: None)
    server.damages = 0
    assert fetch("owner/large", "model", PATTERNS, lambda *_: None).is_dir()


ASKING = """
import os, sys, threading
from shadow_mlx.hub import fetching
real = fetching.subprocess.Popen
def popen(*arguments, **options):
    process = real(*arguments, **options)
    if os.fork() == 0:  # somebody else who holds the pipe
        os.set_blocking(0, True)
        sys.stdin.read()
        os._exit(0)
    print(process.pid, flush=True)
    return process
fetching.subprocess.Popen = popen
fetching.fetch("owner/large", "model", ["*"], lambda *_: None)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_the_fetching_process_ends_with_the_asking_one(server: FakeHub, number: int) -> None:
    server.stalls_after = MB
    with subprocess.Popen(
        [sys.executable, "-c", ASKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as asking:
        assert asking.stdout is not None
        child = int(asking.stdout.readline())
        asking.send_signal(number)
        asking.wait()
        deadline = time.monotonic() + 30
        while is_running(child) and time.monotonic() < deadline:
            asking.stdout.read(0)
        assert not is_running(child)


def is_running(process: int) -> bool:
    """Whether it is there and at work: one that nobody has waited for yet is neither."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
    return said.stdout.strip()[:1] not in ("", "Z")


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
