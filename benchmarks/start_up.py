"""How soon a command does what it is for, in milliseconds: ``python -m benchmarks.start_up``.

Each is started several times as a process of its own, on sprout; the table has the medians. The
first start of all compiles Python's bytecode and is not counted.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.ui import first_paint
from shadow_mlx.runs.folder import RunFolder

STARTS = 5
TRAINED_ON = Path(__file__).parents[1] / "models/sprout/data/robot-intents/train.jsonl"

Parts = Mapping[str, float]
"""Milliseconds from the start by what there was then; the last one is the whole."""

Measure = Callable[[Path], Parts]
"""Starts a command once; what it writes goes to the folder."""


def main() -> None:
    """Measure, and print the table."""
    print(HEAD)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["SHADOW_MLX_STATE"] = str(Path(temporary) / "state.json")
        for command, measure in COMMANDS.items():
            places = (Path(temporary) / f"{measure.__name__}-{i}" for i in range(STARTS + 1))
            print(*lines(command, [measure(place) for place in places][1:]), sep="\n", flush=True)


def lines(command: str, starts: Sequence[Parts]) -> list[str]:
    """Rows of the table: the medians of a command's parts."""
    middle = {part: statistics.median(one[part] for one in starts) for part in starts[0]}
    return [f"| {command} | {part} | {value:.0f} |" for part, value in middle.items()]


HEAD = "| command | until | ms |\n|---|---|---|"


def of_help(place: Path) -> Parts:
    """``--help``, as a whole."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "shadow_mlx", "--help"], check=True, capture_output=True)
    return {"all is said": since(start)}


def of_chat(place: Path) -> Parts:
    """Chat, to the first piece of the first answer."""
    command = [sys.executable, "-m", "benchmarks.start_up_probe", repr(time.time())]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    parts: dict[str, float] = json.loads(found.stdout)
    return parts


def of_training(place: Path) -> Parts:
    """A training, to the end of its first step, as its events tell."""
    start = time.time()
    arguments = ["--model", "sprout", "--data", str(TRAINED_ON), "--adapter-path", str(place)]
    steps = ["--iters", "1", "--valid-fraction", "0.01"]
    subprocess.run(
        [sys.executable, "-m", "shadow_mlx", "train", *arguments, *steps],
        check=True,
        capture_output=True,
    )
    with RunFolder(place).events.open(encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    parts: dict[str, float] = {}
    for event in events:
        if event["event"] == "PhaseChanged":
            parts.setdefault(f"{event['phase']} begins", 1000 * (event["time"] - start))
        elif event["event"] == "Trained":
            return {**parts, "the first step is done": 1000 * (event["time"] - start)}
    raise RuntimeError(f"{place}: no step was trained")


def of_ui(place: Path) -> Parts:
    """The terminal UI, to its first screen."""
    return {"the first screen": 1000 * first_paint()}


def since(start: float) -> float:
    """Milliseconds since then."""
    return 1000 * (time.perf_counter() - start)


COMMANDS: dict[str, Measure] = {
    "`--help`": of_help,
    "`chat`": of_chat,
    "`train`": of_training,
    "`tui`": of_ui,
}

if __name__ == "__main__":
    main()
