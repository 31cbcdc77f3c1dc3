"""What is said of the other processes while this one waits for them."""

from __future__ import annotations

import threading

import pytest

from shadow_mlx.errors import PeersLostError
from shadow_mlx.parallel import peers
from shadow_mlx.parallel.peers import Peers


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(peers, "PATIENCE", 0.01)


def test_a_long_wait_is_told_again_and_again():
    said: list[str] = []
    twice = threading.Event()

    def tell(words: str) -> None:
        said.append(words)
        if len(said) == 2:
            twice.set()

    with Peers(2, tell).waiting("step 3"):
        assert twice.wait(timeout=30)
    assert all(line.startswith("waiting for the other processes since ") for line in said)
    assert all("(step 3)" in line for line in said)


def test_nobody_waits_alone():
    before = threading.active_count()
    with Peers(1, pytest.fail).waiting("step 3"):
        assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="ring"), Peers(1, pytest.fail).waiting("step 3"):
        raise RuntimeError("[ring] whatever it was")


def test_a_lost_process_is_one_error_and_others_stay_what_they_are():
    waits = Peers(2, lambda words: None)
    with pytest.raises(PeersLostError, match="went away") as raised, waits.waiting("step 3"):
        raise RuntimeError("[ring] connection to a peer was lost")
    assert raised.value.exit_code == 3
    with pytest.raises(RuntimeError, match="malloc"), waits.waiting("step 3"):
        raise RuntimeError("[malloc] out of memory")
