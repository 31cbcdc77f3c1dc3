"""The terminal UI with a stopwatch inside: ``python -m benchmarks.ui_probe FOLDER STEP RESULT``.

Opens the run in FOLDER, waits until its record is read up to STEP, stays a while longer as the
record grows, and writes what it measured to RESULT as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

from benchmarks.processes import peak_bytes
from shadow_mlx.machine import memory_of
from tui.app import ShadowApp
from tui.screens.run import RunScreen

TICK_SECONDS = 0.005
GROWING_SECONDS = 15.0
READ = "record.read"
"""Appears beside the result when the record is read."""


class Probe(ShadowApp):
    """The app, which opens a run by itself and leaves by itself."""

    def __init__(self, folder: Path, step: int, result: Path) -> None:
        super().__init__()
        self._folder, self._step, self._result = folder, step, result
        self._worst = self._busiest = 0.0

    def on_ready(self) -> None:
        """Begin when the first screen stands."""
        self.run_worker(self._tick())
        self.run_worker(self._measure())

    async def _tick(self) -> None:
        """How late the loop wakes up, and how long it computed meanwhile, in seconds."""
        while True:
            due, computed = time.perf_counter() + TICK_SECONDS, time.thread_time()
            await asyncio.sleep(TICK_SECONDS)
            self._worst = max(self._worst, time.perf_counter() - due)
            self._busiest = max(self._busiest, time.thread_time() - computed)

    def _delays(self, name: str) -> dict[str, float]:
        """The worst since the last call."""
        found = {f"{name}_worst": self._worst, f"{name}_busiest": self._busiest}
        self._worst = self._busiest = 0.0
        return found

    async def _measure(self) -> None:
        await asyncio.sleep(1)  # the start has a figure of its own
        self._delays("start")
        start, used = time.perf_counter(), time.process_time()
        self.show_run(self._folder)
        while not (isinstance(self.screen, RunScreen) and self.screen.view.step >= self._step):
            await asyncio.sleep(TICK_SECONDS)
        figures = self._delays("open") | {
            "open_seconds": time.perf_counter() - start,
            "open_processor_seconds": time.process_time() - used,
        }
        (self._result.parent / READ).touch()
        await asyncio.sleep(GROWING_SECONDS)
        figures |= self._delays("growing") | {"steps": self.screen.view.step}
        figures["peak_bytes"] = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
        figures["bytes"] = memory_of(os.getpid())
        self._result.write_text(json.dumps(figures))
        self.exit()


if __name__ == "__main__":
    probe = Probe(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    probe.run()
    sys.exit(probe.return_code)
