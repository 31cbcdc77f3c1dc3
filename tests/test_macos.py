"""What is asked of a Mac, on a machine taken for one, and of a ``caffeinate`` that pretends."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from shadow_mlx import macos
from shadow_mlx.errors import SurroundingsError, surroundings_failure
from shadow_mlx.files.writing import lives

FAKE = """#!/bin/sh
echo "$$ $*" > "$NOTE.part" && mv "$NOTE.part" "$NOTE"
exec sleep 600
"""

SAID = "[METAL] Command buffer execution failed: {} (0000000e:{})"
TIMEOUTS = (
    "kIOGPUCommandBufferCallbackErrorTimeout",
    "kIOGPUCommandBufferCallbackErrorImpactingInteractivity",
)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macos, "is_mac", lambda: True)


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the ``caffeinate`` on the PATH writes its process and its arguments."""
    program = tmp_path / "caffeinate"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NOTE", str(tmp_path / "note"))
    return tmp_path / "note"


def written(note: Path) -> list[str]:
    end = time.monotonic() + 30
    while not note.exists():
        assert time.monotonic() < end
        os.sched_yield()
    return note.read_text().split()


def test_a_mac_is_kept_awake_for_the_block_and_as_long_as_this_process(
    mac: None, note: Path
) -> None:
    with macos.kept_awake():
        process, *arguments = written(note)
        assert arguments == ["-is", "-w", str(os.getpid())]
        assert lives(int(process))
        assert os.getsid(int(process)) != os.getsid(0)  # Ctrl-C is not for it
    assert not lives(int(process))


def test_it_ends_with_a_block_that_fails(mac: None, note: Path) -> None:
    def fail() -> None:
        assert lives(int(written(note)[0]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), macos.kept_awake():
        fail()
    assert not lives(int(written(note)[0]))


def test_elsewhere_nothing_happens(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macos, "is_mac", lambda: False)
    environment = {"HOME": "/"}
    macos.relax_watchdog(environment)
    with macos.kept_awake():
        pass
    assert environment == {"HOME": "/"}
    assert not note.exists()


@pytest.mark.parametrize("left", ["no program", "no program that runs"])
def test_a_mac_without_caffeinate_trains_all_the_same(
    mac: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if left != "no program":
        (tmp_path / "caffeinate").write_text("#!/no/such/interpreter\n")
        (tmp_path / "caffeinate").chmod(0o755)
    with macos.kept_awake():
        pass


def test_the_watchdog_is_relaxed_unless_somebody_decided(mac: None) -> None:
    fresh: dict[str, str] = {}
    decided = {macos.WATCHDOG: "0"}
    for environment in (fresh, decided):
        macos.relax_watchdog(environment)
    assert fresh == {"AGX_RELAX_CDM_CTXSTORE_TIMEOUT": "1"}
    assert decided == {"AGX_RELAX_CDM_CTXSTORE_TIMEOUT": "0"}


def test_the_system_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expected in (("Darwin", True), ("Linux", False)):
        monkeypatch.setattr("platform.system", lambda name=name: name)
        assert macos.is_mac() is expected


@pytest.mark.parametrize("name", TIMEOUTS)
def test_an_error_of_the_watchdog_is_the_surroundings(name: str) -> None:
    error = surroundings_failure(RuntimeError(SAID.format("Impacting Interactivity", name)))
    assert isinstance(error, SurroundingsError)
    assert "watchdog" in str(error)
    assert surroundings_failure(ValueError(SAID.format("", name))) is None
