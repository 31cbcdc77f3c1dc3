from __future__ import annotations

import os
import signal

from shadow_mlx.cli.signals import stopping_on_signals
from shadow_mlx.events import StopToken


def test_user_signals_pause_and_resume() -> None:
    stop = StopToken()
    before = signal.getsignal(signal.SIGUSR1)
    with stopping_on_signals(stop):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.paused
        os.kill(os.getpid(), signal.SIGUSR2)
        assert not stop.paused
    assert signal.getsignal(signal.SIGUSR1) is before
    assert not stop.stopping
