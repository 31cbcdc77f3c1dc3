"""Runs a training as a process of its own, once, and says what it took."""

from __future__ import annotations

import dataclasses
import json
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
    """Wall seconds and the largest resident memory of one process."""

    seconds: float
    peak_bytes: int


def measured(command: Sequence[str], folder: Path) -> Cost:
    """Run ``python -m`` with ``command``, which fills ``folder``, or tell what that took before.

    What it prints goes to ``FOLDER.log``, what it took to ``FOLDER.cost.json``: a benchmark that
    was stopped goes on with what is missing.

    Raises:
        RuntimeError: It failed; the message ends with the last lines of the log.
    """
    log = folder.parent / f"{folder.name}.log"
    record = folder.parent / f"{folder.name}.cost.json"
    if record.exists():
        return Cost(**json.loads(record.read_text(encoding="utf-8")))
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
    cost = Cost(time.monotonic() - start, peak_bytes(usage))
    record.write_text(json.dumps(dataclasses.asdict(cost)), encoding="utf-8")
    return cost


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The largest resident memory that a process had."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes there, KiB elsewhere
    return int(usage.ru_maxrss * unit)
