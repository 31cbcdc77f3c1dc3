from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.runs import launching
from shadow_mlx.runs.live import is_live
from tests.hub_server import FakeHub, fake_hub
from tests.tui.at_home import three_runs
from tests.tui.support import FAKE_TRAIN, ROOT, run, write_adapter


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test of the UI is a coroutine, which has the loop to itself."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test has its own state file and an empty working folder, and leaves no run behind."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("SHADOW_MLX_STATE", str(tmp_path / "state.json"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for the children
    monkeypatch.chdir(place)
    yield place
    for lock in place.glob("**/run/.lock"):
        if is_live(lock.parent.parent):
            os.kill(int(lock.read_text()), signal.SIGKILL)


@pytest.fixture
def adapter(own_place: Path) -> Path:
    """An adapter that fakes take for a trained one."""
    return write_adapter(own_place / "adapters")


@pytest.fixture
def place(own_place: Path) -> Path:
    """The working folder, with three runs in it."""
    return three_runs(own_place)


@pytest.fixture
def fake_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs only pretend."""
    monkeypatch.setattr(launching, "TRAIN_COMMAND", FAKE_TRAIN)


@pytest.fixture
def long_name(own_place: Path) -> str:
    """A folder to be completed."""
    (own_place / "a-folder-with-a-long-name").mkdir()
    return "a-folder-with-a-long-name"


@pytest.fixture
def server(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A stand-in hub with one model, and an empty cache."""
    remote = own_place.parent / "remote"
    remote.mkdir()
    (remote / "config.json").write_text('{"model_type": "qwen3"}')
    (remote / "model.safetensors").write_bytes(os.urandom(1 << 20) * 24)
    with fake_hub() as running:
        running.repos["models/owner/large"] = remote
        for name, value in {
            "HF_HOME": str(own_place.parent / "home"),
            "HF_ENDPOINT": running.url,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield running
