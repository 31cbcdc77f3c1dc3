"""How quick the terminal UI is: ``python -m benchmarks.ui``.

Everything runs in a pseudo-terminal of 120 × 36, as a person would run it, and takes some six
minutes, five of which are a training: the first paint; the event loop's worst delay while a record
of 100,000 events is opened and while it grows by 20 events a second; the first page of a data file
of 1 GB, which lies in the temporary folder meanwhile; and the keys and the seconds from an empty
folder to the first answer of a model that was tuned there. Needs the development dependencies.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ui_probe import READ
from shadow_mlx.runs.events import Event, PhaseChanged, RunStarted, Trained, Validated, to_json
from shadow_mlx.runs.folder import RunFolder
from tests.tui.terminal import Terminal

EVENTS = 100_000
EVENTS_A_SECOND = 20
STARTS = 5
LARGE_FILE = 1_000_000_000
COLUMNS, ROWS = 120, 36
LEAVE = b"\x11"  # Ctrl+Q
PATIENCE_SECONDS = 1800.0
EVERY_PAGE = """
import importlib, pkgutil, tui
for module in pkgutil.walk_packages(tui.__path__, "tui."):
    importlib.import_module(module.name)
"""


def main() -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        os.environ["SHADOW_MLX_STATE"] = str(place / "state.json")
        compile_all(place / "compiled")
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        os.chdir(place)
        starts = [first_paint() for _ in range(STARTS + 1)][1:]  # the first one compiles
        long = long_record(place / "long")
        page = asyncio.run(first_page(place / "large.jsonl"))
        newcomer = place / "newcomer"
        newcomer.mkdir()
        os.chdir(newcomer)
        way = first_answer()
    rows = [
        ("first paint, median of 5", f"{statistics.median(starts):.2f} s"),
        (f"opening a record of {EVENTS:,} events", f"{long['open_seconds']:.1f} s"),
        ("… worst delay of the event loop", delay(long, "open")),
        (
            f"worst delay while it grows by {EVENTS_A_SECOND} events a second",
            delay(long, "growing"),
        ),
        (
            "memory of the UI process meanwhile at most, and afterwards",
            f"{long['peak_bytes'] / 1e6:.0f} MB, {long['bytes'] / 1e6:.0f} MB",
        ),
        ("first page of a data file of 1 GB", f"{page:.2f} s"),
        (
            "from an empty folder to the first answer of a model tuned there",
            f"{way.keys} keys, {way.seconds:.0f} s; {way.seconds - way.training_seconds:.1f} s of"
            " them beside the training",
        ),
    ]
    print("| | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


def compile_all(place: Path) -> None:
    """Compile every page once, as on a machine on which the program was used before."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(place)
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", EVERY_PAGE], check=True, cwd=root)


def delay(figures: dict[str, float], phase: str) -> str:
    """By the clock, and by the loop's own processor time, which other programs do not lengthen."""
    clock, own = (1000 * figures[f"{phase}_{kind}"] for kind in ("worst", "busiest"))
    return f"{clock:.0f} ms ({own:.0f} ms of its own work)"


def first_paint() -> float:
    """Seconds from the start of the process to the first screen."""
    start = time.perf_counter()
    seen: list[float] = []

    def look(output: bytes, keys: int) -> None:
        if not seen and b"Home" in output:
            seen.append(time.perf_counter() - start)
            os.write(keys, LEAVE)

    in_terminal(["-m", "shadow_mlx", "tui"], look)
    return seen[0]


@dataclass(frozen=True)
class Way:
    """What it took somebody who knows the keys, and how much of it the training was."""

    keys: int
    seconds: float
    training_seconds: float


def first_answer() -> Way:
    """Train the bundled model on the bundled data with three keys, and ask it with a fourth."""
    start = time.perf_counter()
    terminal = Terminal((COLUMNS, ROWS))
    keys = 0

    def press(key: str, then: str) -> float:
        nonlocal keys
        terminal.press(key)
        keys += 1
        terminal.wait_for(then, PATIENCE_SECONDS)
        return time.perf_counter() - start

    terminal.wait_for("[1 Home]")
    filled = press("g", "examples to learn from")
    trained = press("\r", "✔ done")
    press("c", "Questions of the run")
    answered = press("1", "first after")
    terminal.press(LEAVE.decode())
    terminal.end()
    return Way(keys, answered, trained - filled)


def long_record(folder: Path) -> dict[str, float]:
    """Open a long record and let it grow; what the app measured of itself."""
    result = folder.parent / "figures.json"
    events = RunFolder(folder).events
    with RunFolder(folder).lock(), events.open("w") as file:
        file.write("".join(to_json(event) + "\n" for event in record(0, EVENTS)))
        file.flush()
        last, due = EVENTS, 0.0

        def grow(output: bytes, keys: int) -> None:
            nonlocal last, due
            if (result.parent / READ).exists() and time.monotonic() >= due:
                due = time.monotonic() + 1 / EVENTS_A_SECOND
                file.write("".join(to_json(event) + "\n" for event in record(last, last + 1)))
                file.flush()
                last += 1

        in_terminal(["-m", "benchmarks.ui_probe", str(folder), str(EVENTS), str(result)], grow)
    figures: dict[str, float] = json.loads(result.read_text())
    if figures["steps"] <= EVENTS:
        raise RuntimeError("the screen did not follow the record as it grew")
    return figures


def record(first: int, last: int) -> list[Event]:
    """The events of optimizer steps ``first + 1`` to ``last``: a noisy curve with some spikes."""
    now, events = time.time(), list[Event]()
    if first == 0:
        started = RunStarted(
            now, 10 * EVENTS, 0, 16, "sprout", 357_440, 2_313_024, 3_000, 300, 90_000, 30_000, 0, 0,
            os.getpid(),
        )  # fmt: skip
        events += [started, PhaseChanged(now, "training")]
    for step in range(first + 1, last + 1):
        loss = 3 / (1 + step / 2000) + (step * 7919 % 100) / 100 + 5 * (step % 5000 == 0)
        events.append(
            Trained(
                now, step, {"loss": loss, "shadow_loss": loss + 0.4}, 1e-3, 0.8, 2345.6, 27.8,
                120 * step, 412_000_000, 3600.0, step / 1000,
            )
        )  # fmt: skip
        if step % 200 == 0:
            found = {"loss": loss, "shadow_loss": loss + 0.5}
            events.append(Validated(now, step, found, 2_000, 0.4, False))
    return events


async def first_page(path: Path) -> float:
    """Seconds from asking a fresh data process to the first page of a very large file."""
    from shadow_mlx.worker import messages as m
    from tui.child import Child
    from tui.system import worker_command

    turns = [{"role": role, "content": "some words " * 20} for role in ("user", "assistant")]
    lines = (json.dumps({"messages": turns}) + "\n").encode() * 2000
    with path.open("wb") as file:
        for _ in range(LARGE_FILE // len(lines) + 1):
            file.write(lines)
    child = Child(worker_command())
    start = time.perf_counter()
    try:
        page = await child.result(m.ReadPage(child.number(), str(path), 0, 10), m.Page)
        seconds = time.perf_counter() - start
        if len(page.records) != 10:
            raise RuntimeError("the page is not whole")
        return seconds
    finally:
        await child.close()


def in_terminal(arguments: Sequence[str], look: Callable[[bytes, int], None]) -> None:
    """Run Python in a pseudo-terminal to its end; ``look(output so far, keys)`` is called often.

    Raises:
        RuntimeError: It failed; the message holds the end of its output.
    """
    process, terminal = pty.fork()
    if process == 0:
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execvpe(sys.executable, [sys.executable, *arguments], variables)
    output = b""
    while True:
        if select.select([terminal], [], [], 0.005)[0]:
            try:
                block = os.read(terminal, 65536)
            except OSError:  # Linux says so when the other side has closed
                break
            if not block:
                break
            output = (output + block)[-200_000:]
        look(output, terminal)
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(output.decode(errors="replace")[-3000:])


if __name__ == "__main__":
    main()
