"""Runs a training as a process of its own, and says what it took."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall seconds, processor seconds and the largest resident memory of one process."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def measured(command: Sequence[str], log: Path) -> Cost:
    """Run ``python -m`` with ``command``; what it prints goes to ``log``.

    Raises:
        RuntimeError: It failed; the message ends with the last lines of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(errors="replace").splitlines()[-5:]
        raise RuntimeError("\n".join([f"{' '.join(command)} failed:", *tail]))
    processor = usage.ru_utime + usage.ru_stime
    return Cost(time.monotonic() - start, processor, peak_bytes(usage))


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The largest resident memory that a process had."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes there, KiB elsewhere
    return int(usage.ru_maxrss * unit)
