"""Signals to a job. Ctrl-C, SIGTERM and SIGHUP ask it to stop, SIGUSR1 to pause, SIGUSR2 to go on.

A press is answered at once, by a thread that waits for signals beside whatever the program is in:
a handler of Python's runs in the main thread, between two of its instructions, and compiling or
reading a model may keep that thread for seconds.

What a press does grows. The first asks the job to finish its step and to save; one that is still
getting ready, and has nothing to lose, is broken off. The second ends the job at the next safe
point without saving. The third ends the process.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from shadow_mlx.cli.streams import say_at_once
from shadow_mlx.errors import Interrupted
from shadow_mlx.runs.events import StopToken

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAVING = "this step is finished and the state is saved"

_SAME_PRESS = 0.5
"""Seconds within which a second signal may be the first one's copy: ``timeout`` and launchers send
one to the process and another to its group. A copy must not cost what the first would save."""


@contextmanager
def stopping_on_signals(
    stop: StopToken, promise: str = SAVING, *, saving: bool = True
) -> Iterator[None]:
    """Within the block signals reach ``stop``, and a person hears at once that they did.

    A signal that was ignored when the program started (``nohup``) stays ignored. For the main
    thread only.

    Args:
        stop: What the job looks at. While it is not ``attended``, a press raises
            ``KeyboardInterrupt`` in the block.
        promise: Tells the person what happens after the first press.
        saving: Whether the job saves when it is asked to stop, which a second press gives up. A
            job that has nothing to save is broken off by the second press.
    """
    presses = _Presses(stop, promise, saving)
    numbers = [
        number
        for number in (*STOPPING, signal.SIGUSR1, signal.SIGUSR2)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, presses.in_main_thread) for number in numbers}
    with presses.answered():
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def cut_by_ctrl_c() -> Iterator[StopToken]:
    """A token for one answer: Ctrl-C asks it to end, and once more breaks it off.

    Where Ctrl-C was ignored when the program started, it stays ignored.
    """
    stop = StopToken()

    def press(number: int, frame: FrameType | None) -> None:
        if stop.stopping:
            raise KeyboardInterrupt
        stop.stop()

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, press)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class _Presses:
    """Counts the signals, whichever thread notices one first."""

    def __init__(self, stop: StopToken, promise: str, saving: bool) -> None:
        self._stop = stop
        self._promise = promise
        self._saving = saving
        self._count = 0
        self._first = 0.0
        self._break_off = False
        self._lock = threading.RLock()  # a handler may interrupt the handler
        self._reading, self._writing = os.pipe()

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Listen beside the main thread while the block runs."""
        os.set_blocking(self._writing, False)
        os.set_blocking(self._reading, False)
        ended = threading.Event()
        before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        thread = threading.Thread(target=self._listen, args=(ended,), name="signals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            ended.set()
            os.write(self._writing, b"\0")
            thread.join()
            os.close(self._reading)
            os.close(self._writing)

    def in_main_thread(self, number: int, frame: FrameType | None) -> None:
        """The handler: break off what does not look at the token itself."""
        self._take()
        heard, self._break_off = self._break_off, False
        if heard and not (self._saving and self._stop.attended):  # it may attend since the press
            raise KeyboardInterrupt

    def _listen(self, ended: threading.Event) -> None:
        import select

        while not ended.is_set():
            select.select([self._reading], [], [])
            self._take()

    def _take(self) -> None:
        """Act on every signal that came since the last look."""
        with self._lock:
            try:
                came = os.read(self._reading, 4096)
            except BlockingIOError:
                return
            for number in came:
                if number == signal.SIGUSR1:
                    self._stop.pause()
                elif number == signal.SIGUSR2:
                    self._stop.resume()
                elif number in STOPPING:
                    self._press()

    def _press(self) -> None:
        self._count += 1
        act: Callable[[], None] = (self._ask, self._hurry, self._end)[min(self._count, 3) - 1]
        act()

    def _ask(self) -> None:
        self._first = time.monotonic()
        self._stop.stop()
        if self._stop.attended:
            again = "end without saving" if self._saving else "end at once"
            say_at_once(f"\nstopping: {self._promise} (once more: {again})\n")
        else:
            self._break_off = True
            say_at_once("\nstopping: nothing has begun yet, and nothing is lost\n")

    def _hurry(self) -> None:
        if self._saving and self._stop.attended:
            if time.monotonic() - self._first < _SAME_PRESS:
                return
            self._stop.hurry()
            say_at_once("\nstopping at the next safe point, without saving (once more: at once)\n")
        else:
            self._break_off = True
            say_at_once("\nstopping (once more: at once)\n")

    def _end(self) -> None:
        say_at_once("\nended at once\n")
        os._exit(Interrupted.exit_code)
