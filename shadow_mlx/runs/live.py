"""Whether a process writes a run now, and the signals that it obeys."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path
from typing import Literal, TextIO

from shadow_mlx.files.writing import lives
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.record import without_waiting

LONGEST_NUMBER = 20
LARGEST_PROCESS = 2**31 - 1

Command = Literal["stop", "pause", "resume"]
SIGNALS: dict[str, signal.Signals] = {
    "stop": signal.SIGTERM,
    "pause": signal.SIGUSR1,
    "resume": signal.SIGUSR2,
}


def is_live(folder: Path) -> bool:
    """Whether a process writes this run now: it exists, and holds the folder's lock."""
    return process_of(folder) != 0


def process_of(folder: Path) -> int:
    """The number of the process that writes this run now; 0 where there is none."""
    number = 0
    try:
        with open(RunFolder(folder).lock_file, opener=without_waiting) as file:
            number = _number(file)
            # A lock that nobody holds is not even tried: a run that begins would find it taken.
            if number == os.getpid() or lives(number):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return number
    except (OSError, ValueError):
        pass
    return 0


def send(folder: Path, command: Command) -> bool:
    """Ask a live run to stop (and save), pause or go on; returns whether there was one."""
    process = process_of(folder)
    if not process:
        return False
    try:
        os.kill(process, SIGNALS[command])
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _number(file: TextIO) -> int:
    """The process that a lock names; 0 for what cannot be one, and for a lock that was left."""
    text = file.read(LONGEST_NUMBER + 1).strip()
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number <= LARGEST_PROCESS else 0
