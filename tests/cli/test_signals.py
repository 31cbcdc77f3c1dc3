"""Signals to a job: answered at once, and each press does more than the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from shadow_mlx.cli import signals
from shadow_mlx.cli.signals import cut_by_ctrl_c, stopping_on_signals
from shadow_mlx.runs.events import StopToken


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_user_signals_pause_and_resume() -> None:
    stop = StopToken()
    before = signal.getsignal(signal.SIGUSR1)
    with stopping_on_signals(stop):
        press(signal.SIGUSR1)
        assert stop.paused
        press(signal.SIGUSR2)
        assert not stop.paused
    assert signal.getsignal(signal.SIGUSR1) is before
    assert not stop.stopping


@pytest.mark.parametrize("number", signals.STOPPING)
def test_each_stopping_signal_asks_for_the_state(number: signal.Signals, capfd) -> None:
    before = {one: signal.getsignal(one) for one in signals.STOPPING}
    stop = StopToken()
    with stopping_on_signals(stop, "the work is kept"):
        press(number)
        assert (stop.stopping, stop.hurried) == (True, False)
    assert "stopping: the work is kept (once more: end without saving)" in capfd.readouterr().err
    assert {one: signal.getsignal(one) for one in signals.STOPPING} == before


def test_the_second_press_gives_up_what_is_not_saved(monkeypatch, capfd) -> None:
    monkeypatch.setattr(signals, "_SAME_PRESS", 0.0)
    stop = StopToken()
    with stopping_on_signals(stop):
        press()
        press()
        assert stop.hurried
    assert "without saving (once more: at once)" in capfd.readouterr().err


def test_a_copy_of_the_first_press_costs_nothing() -> None:
    """A launcher's and the terminal's, or both that ``timeout`` sends."""
    stop = StopToken()
    with stopping_on_signals(stop):
        press(signal.SIGTERM)
        press(signal.SIGTERM)
        assert stop.stopping
        assert not stop.hurried


def test_ctrl_c_cuts_an_answer_and_once_more_leaves() -> None:
    before = signal.getsignal(signal.SIGINT)
    with cut_by_ctrl_c() as stop:
        press()
        assert stop.stopping
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is before


def test_what_has_not_begun_is_broken_off(capfd) -> None:
    stop = StopToken(attended=False)
    with pytest.raises(KeyboardInterrupt), stopping_on_signals(stop):
        press()
    assert "nothing is lost" in capfd.readouterr().err


def test_what_saves_nothing_is_broken_off_by_the_second_press() -> None:
    stop = StopToken()
    with stopping_on_signals(stop, "shown", saving=False):
        press()
        assert stop.stopping
        with pytest.raises(KeyboardInterrupt):
            press()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = StopToken()
    try:
        with stopping_on_signals(stop):
            press(signal.SIGHUP)
            assert not stop.stopping
            press(signal.SIGTERM)
            assert stop.stopping
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_paused_job_ends_when_it_is_asked_to() -> None:
    stop = StopToken()
    with stopping_on_signals(stop):
        press(signal.SIGUSR1)
        press(signal.SIGTERM)
        stop.wait_while_paused()
        assert stop.stopping


BUSY = """
import hashlib, os, threading
from shadow_mlx.cli import signals
from shadow_mlx.runs.events import StopToken
signals._SAME_PRESS = 0.0
with signals.stopping_on_signals(StopToken(attended=ATTENDED)):
    # Said by a thread, which runs when the main one has left Python.
    threading.Timer(0.5, os.write, [1, b"ready\\n"]).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # minutes in one call, as if compiling
"""


@pytest.mark.parametrize("attended", [True, False])
def test_presses_are_answered_while_python_cannot_run_a_handler(attended: bool) -> None:
    program = BUSY.replace("ATTENDED", str(attended))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline() == "\n"
            assert process.stderr.readline().startswith("stopping")
        process.send_signal(signal.SIGTERM)  # whichever signal it is
        assert process.communicate(timeout=30)[1] == "\nended at once\n"
    assert process.returncode == 130


def test_an_answer_that_nobody_takes_holds_nothing_up() -> None:
    """Stderr is a pipe that is full, and whose reader sleeps."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 65536)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)
    program = BUSY.replace("ATTENDED", "True")
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=writing, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while process.poll() is None:  # signals of one kind that wait together are one
            process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    os.close(reading)
    os.close(writing)
