"""Output that nobody takes is nobody's error: notes on stderr never end a command.

A pipe whose reader went away, a full disk, a terminal that was closed, a descriptor that was never
open: what a person would have read there is lost, and the work goes on. Results on stdout are
another matter: losing those is an error, which :func:`shadow_mlx.cli.main.main` reports.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import sys
from typing import Any

_PATIENCE = 1.0
"""Seconds for a stream that takes nothing at the moment and says so instead of waiting."""


class _Lossy(io.FileIO):
    """A descriptor that takes every byte; those that the system refuses are lost."""

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        try:
            written = super().write(data)
            if written is None:  # O_NONBLOCK, set by another program that has it open
                select.select([], [self], [], _PATIENCE)
                written = super().write(data)
        except OSError:
            return size
        return size if written is None else written


def protect_streams() -> None:
    """Make stderr a stream that never raises, and give what was closed a place to go.

    A closed descriptor would otherwise become that of the next file that is opened, and what is
    printed would land in it. A closed stdout still refuses what is written to it: its place is
    taken by something that can be read only; but not where stderr is closed too, as that of a
    service is: there nobody waits for what is printed. A stream that somebody put in stderr's place
    stays.
    """
    closed = [number for number in range(3) if _is_closed(number)]
    for number in closed:
        lost = number == 1 and 2 not in closed
        mode = os.O_RDONLY if lost else os.O_RDWR
        os.set_inheritable(os.open(os.devnull, mode), True)  # the lowest number: this one
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(2, "w", closefd=False)),
            encoding=None if sys.stderr is None else sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def stdout_is_closed() -> bool:
    """Whether :func:`protect_streams` found it so, while somebody listens on stderr."""
    return fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def flush_stdout() -> None:
    """Flush what can be flushed, after an error; the rest must not be a second one."""
    try:
        sys.stdout.flush()
    except OSError:
        give_up_stdout()


def give_up_stdout() -> None:
    """Send what is left for stdout nowhere: Python would complain again when it flushes at exit."""
    target = os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, sys.stdout.fileno())
    os.close(target)


def say_at_once(text: str) -> None:
    """Write to stderr from a signal handler or another thread; lost if that would have to wait."""
    try:
        if select.select([], [2], [], 0)[1]:
            os.write(2, text.encode())
    except OSError:
        return
