"""Signals to a job: Ctrl-C and SIGTERM ask it to stop, once; the second time they end the process.

SIGUSR1 asks it to pause, SIGUSR2 to go on.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from shadow_mlx.events import StopToken

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAVING = "this step is finished and the state is saved"


@contextmanager
def stopping_on_signals(stop: StopToken, promise: str = SAVING) -> Iterator[None]:
    """Within the block a first signal calls ``stop.stop()``; a second one kills at once.

    For the main thread only. ``promise`` tells the person what happens after the first signal.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        for name in SIGNALS:
            signal.signal(name, signal.SIG_DFL)
        stop.stop()
        print(f"\nstopping: {promise} (once more: end at once)", file=sys.stderr, flush=True)

    before = {name: signal.signal(name, ask) for name in SIGNALS}
    before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, lambda *_: stop.pause())
    before[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, lambda *_: stop.resume())
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
