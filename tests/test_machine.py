from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from shadow_mlx import machine
from shadow_mlx.machine import Business, business, memory_of, memory_of_machine


def test_the_memory_of_this_machine() -> None:
    assert 2**28 < memory_of_machine() < 2**50


def test_the_memory_of_a_process_is_its_own() -> None:
    assert 20 << 20 < memory_of(os.getpid()) < 1 << 40
    assert memory_of(2**22 + 1) == 0


@pytest.mark.parametrize("error", [ValueError("unrecognized configuration name"), OSError(22, "")])
def test_a_system_that_does_not_say(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def sysconf(name: str) -> int:
        raise error

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert memory_of_machine() == 0


def test_how_busy_this_machine_is() -> None:
    found = business()
    assert found.memory == memory_of_machine()
    assert found.used is not None
    assert 2**24 < found.used < found.memory
    assert found.load is not None
    assert found.load >= 0
    assert found.processors == os.cpu_count()


LINUX = """\
MemTotal:       24684096 kB
MemFree:         1000000 kB
MemAvailable:   21244904 kB
SwapTotal:       2000000 kB
SwapFree:        1500000 kB
HugePages_Total:       0
"""


def test_what_linux_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "meminfo"
    told.write_text(LINUX)
    monkeypatch.setattr(machine, "MEMINFO", told)
    monkeypatch.setattr(machine, "is_mac", lambda: False)
    monkeypatch.setattr(machine, "memory_of_machine", lambda: 24684096 << 10)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    used = (24684096 - 21244904) << 10
    assert business() == Business(24684096 << 10, used, 500_000 << 10, 2_000_000 << 10, 1.5, 8)


MAC = {
    "vm_stat": """\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10000.
Pages active:                            300000.
Pages inactive:                            2000.
Pages speculative:                          300.
Pages throttled:                              0.
Pages wired down:                        100000.
Pages purgeable:                             40.
"Translation faults":                1231231234.
""",
    "sysctl": "total = 2048.00M  used = 512.25M  free = 1535.75M  (encrypted)\n",
}


def test_what_a_mac_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in MAC.items():
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nprint({said!r}, end='')\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(machine, "is_mac", lambda: True)
    monkeypatch.setattr(machine, "memory_of_machine", lambda: 16 << 30)
    found = business()
    assert found.used == (16 << 30) - 16384 * 12340
    assert (found.swap, found.swap_space) == (int(512.25 * 2**20), 2 << 30)


def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_knows() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(machine, "memory_of_machine", lambda: 0)
    monkeypatch.setattr(os, "getloadavg", nobody_knows)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    for mac in (False, True):
        monkeypatch.setattr(machine, "is_mac", lambda mac=mac: mac)
        assert business() == Business()
