import os
import signal
import subprocess
import sys

import pytest

from shadow_mlx.cli.signals import stopping_on_signals
from shadow_mlx.events import StopToken


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop(number, capsys):
    before = signal.getsignal(number)
    stop = StopToken()
    with stopping_on_signals(stop):
        os.kill(os.getpid(), number)
        assert stop.stopping
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
    assert "stopping" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_process_at_once(number):
    program = (
        "import os, sys, signal\n"
        "from shadow_mlx.cli.signals import stopping_on_signals\n"
        "from shadow_mlx.events import StopToken\n"
        "with stopping_on_signals(StopToken()):\n"
        "    os.kill(os.getpid(), int(sys.argv[1]))\n"
        "    os.kill(os.getpid(), int(sys.argv[1]))\n"
        "    print('still here')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -number
    assert ended.stdout == ""
