"""What a run that cannot say goodbye leaves: ``run/crash.log``.

It is there while a run trains, and goes when Python sees the run end, well or badly. One that is
left behind tells of a sudden end: a fatal signal wrote its name into it, and where Python was; an
empty one had no time even for that, as when the process was killed or the machine went off.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from shadow_mlx.errors import InputError
from shadow_mlx.files.writing import open_regular
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.record import without_waiting

_HEAD = "Fatal Python error: "
_NAMES = {
    "Aborted": signal.SIGABRT,
    "Segmentation fault": signal.SIGSEGV,
    "Bus error": signal.SIGBUS,
    "Illegal instruction": signal.SIGILL,
    "Floating point exception": signal.SIGFPE,
}
"""What Python's fault handler calls the signals that it handles."""

_HEAD_BYTES = 256


@dataclass(frozen=True)
class Crash:
    """A sudden end. ``number`` is the signal's; ``None`` where it left no name."""

    number: int | None


@contextmanager
def crash_noted(folder: RunFolder) -> Iterator[None]:
    """Within the block a sudden end of this process leaves its trace in the run's folder.

    Where the fault handler is at work already, it goes on writing where somebody wants it, and
    there is no trace here. Neither is there one where the file cannot be made: a run is worth more.
    """
    path = folder.crash
    with suppress(OSError):
        path.unlink(missing_ok=True)
    handle = -1
    if not faulthandler.is_enabled():
        with suppress(OSError, InputError):
            handle = open_regular(path, os.O_WRONLY | os.O_CREAT)
    if handle < 0:
        yield
        return
    faulthandler.enable(handle)
    try:
        yield
    finally:
        faulthandler.disable()
        os.close(handle)
        with suppress(OSError):
            path.unlink(missing_ok=True)


def crash_of(folder: RunFolder) -> Crash | None:
    """The sudden end whose trace is there, if one is; nobody writes the run now."""
    try:
        with open(folder.crash, "rb", opener=without_waiting) as file:
            head = file.read(_HEAD_BYTES).decode(errors="replace")
    except OSError:
        return None
    name = head.partition("\n")[0].removeprefix(_HEAD).replace("-", " ").strip()
    number = _NAMES.get(name)
    return Crash(None if number is None else int(number))
