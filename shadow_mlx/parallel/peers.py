"""The other processes of a run on several: what to say when one does not answer, or is gone.

Whatever needs all of them waits until the last one has come: MLX knows no time limit. A process
that was stopped, or is much slower, leaves the others waiting; a watch beside the wait says so. A
process that died is noticed by MLX, as a ``RuntimeError`` in whatever was waiting.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mlx.core as mx

from shadow_mlx.errors import PeersLostError, surroundings_failure

PATIENCE = 20.0
"""Seconds of a wait before it is told; then again after twice as long, and so on."""

_SLOWER = 5.0
"""How many times longer than the last ones a wait is before it is told; steps may be slow."""

_RANK = "MLX_RANK"
"""Set by ``mlx.launch`` in every process that it starts."""


class Peers:
    """Watches over what this process does together with the others.

    Args:
        size: How many processes there are; alone, nothing is watched.
        tell: Takes a line for the person, from another thread.
    """

    def __init__(self, size: int, tell: Callable[[str], None]) -> None:
        self._alone = size == 1
        self._tell = tell
        self._last: deque[float] = deque(maxlen=8)  # seconds of the last waits that ended well

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Around what needs all processes.

        Raises:
            PeersLostError: One of them went away meanwhile.
        """
        if self._alone:
            yield
            return
        began, ended = time.monotonic(), threading.Event()
        watch = threading.Thread(
            target=self._watch, args=(what, began, ended), name="peers", daemon=True
        )
        watch.start()
        try:
            yield
            self._last.append(time.monotonic() - began)
        except RuntimeError as error:
            lost = surroundings_failure(error)
            if not isinstance(lost, PeersLostError):
                raise
            raise lost from error
        finally:
            ended.set()
            watch.join()

    def _watch(self, what: str, began: float, ended: threading.Event) -> None:
        patience = max(PATIENCE, _SLOWER * max(self._last, default=0.0))
        while not ended.wait(began + patience - time.monotonic()):
            seconds = time.monotonic() - began
            self._tell(
                f"waiting for the other processes since {seconds:.0f} s ({what}): one of them is "
                "slow, stopped or gone"
            )
            patience *= 2


def meet() -> mx.distributed.Group:
    """The processes of this run, once all of them have come.

    Until then no thread and no handler of Python's can run: MLX waits with the interpreter locked.
    So a helper says what is waited for, and a signal ends the process, which has nothing to lose.

    Raises:
        PeersLostError: They cannot find each other.
    """
    try:
        if _RANK not in os.environ:
            return mx.distributed.init()
        with _ending_on_signals(), _telling_meanwhile():
            return mx.distributed.init()
    except RuntimeError as error:
        raise PeersLostError(f"the processes of this run cannot meet: {error}") from error


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _telling_meanwhile() -> Iterator[None]:
    words = f"process {os.environ[_RANK]}: waiting for the other processes of this run to start"
    script = 'sleep "$1"; kill -0 "$2" && echo "$3" >&2'
    arguments = ["sh", "-c", script, "sh", str(PATIENCE), str(os.getpid()), words]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, process_group=0) as helper:
        try:
            yield
        finally:
            os.killpg(helper.pid, signal.SIGKILL)
