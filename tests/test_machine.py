from __future__ import annotations

import os

import pytest

from shadow_mlx.machine import memory_of_machine


def test_the_memory_of_this_machine() -> None:
    assert 2**28 < memory_of_machine() < 2**50


@pytest.mark.parametrize("error", [ValueError("unrecognized configuration name"), OSError(22, "")])
def test_a_system_that_does_not_say(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def sysconf(name: str) -> int:
        raise error

    monkeypatch.setattr(os, "sysconf", sysconf)
    assert memory_of_machine() == 0
