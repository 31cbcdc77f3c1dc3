"""Kills a run with SIGKILL at random moments, resumes it, and compares it with one left in peace.

The test suite does a few kills; for more:

    python -m tests.training.kills --kills 20
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from shadow_mlx.checkpoints.training import load_state
from shadow_mlx.runs.events import Trained, Validated, from_json
from shadow_mlx.runs.folder import RunFolder
from tests.tiny import write_tiny_backbone

STEPS = 60
SAVE_EVERY = 7
LONGEST_DELAY = 0.06  # seconds between the line that was waited for and the kill


@dataclass
class Report:
    """What the kills came upon. ``lost`` has the steps lost by each kill."""

    kills: int = 0
    lost: list[int] = field(default_factory=list)
    during: list[str] = field(default_factory=list)


def command(folder: Path, adapter: Path, *more: str) -> list[str]:
    options = {
        "--model": folder / "model",
        "--data": folder / "chats.jsonl",
        "--iters": STEPS,
        "--batch-size": 4,
        "--rank": 4,
        "--dropout": 0.2,
        "--steps-per-report": 1,
        "--steps-per-eval": 20,
        "--val-batches": 1,
        "--save-every": SAVE_EVERY,
        "--samples": 0,  # which take longer than all steps
    }
    flags = [str(part) for pair in options.items() for part in pair] if not more else list(more)
    return [sys.executable, "-m", "shadow_mlx", "train", "--adapter-path", str(adapter), *flags]


def prepare(folder: Path) -> Path:
    """A model, data, and the reference run."""
    from tests.training.conftest import write_chats

    write_tiny_backbone(folder / "model")
    write_chats(folder / "chats.jsonl")
    subprocess.run(command(folder, folder / "whole"), check=True, capture_output=True)
    return folder / "whole"


def outcomes(adapter: Path) -> dict[tuple[str, int], set[tuple[float, ...]]]:
    """Every loss that was ever reported for a step."""
    found: dict[tuple[str, int], set[tuple[float, ...]]] = {}
    for line in RunFolder(adapter).events.read_text(encoding="utf-8").splitlines():
        event = from_json(line)
        if isinstance(event, Trained | Validated):
            key = (type(event).__name__, event.step)
            found.setdefault(key, set()).add(tuple(event.losses.values()))
    return found


def kill_once(folder: Path, adapter: Path, lines: int, delay: float) -> tuple[bool, str]:
    """Start or resume, read so many lines, wait, kill. Returns whether it was alive, and a line."""
    begun = RunFolder(adapter).config.exists()
    process = subprocess.Popen(
        command(folder, adapter, *(["--resume"] if begun else [])),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    last = ""
    for _, line in zip(range(lines), process.stderr, strict=False):
        last = line.strip()
    threading.Event().wait(delay)
    alive = process.poll() is None
    process.kill()
    process.stderr.close()
    process.wait()
    return alive, last


def check_what_is_left(adapter: Path, report: Report) -> None:
    """Every checkpoint is whole, and no more is lost than the steps since the last save."""
    folder = RunFolder(adapter)
    steps = folder.saved_steps()
    for step in steps:
        assert load_state(folder.checkpoint(step)).record["step"] == step
    if not folder.events.exists():
        return
    text = folder.events.read_text(encoding="utf-8")
    told = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    done = max((e["step"] for e in told if e["event"] == "Trained"), default=0)
    lost = done - (steps[-1] if steps else 0)
    assert lost <= SAVE_EVERY, (done, steps)
    report.lost.append(max(lost, 0))


def trial(folder: Path, whole: Path, kills: int, seed: int) -> Report:
    """Kill ``kills`` times over as many runs as that takes; each run must end as the reference."""
    chance, report, number = random.Random(seed), Report(), 0
    while report.kills < kills:
        number += 1
        adapter = folder / f"killed-{number}"
        while report.kills < kills:
            lines = chance.randrange(1, 50)
            alive, last = kill_once(folder, adapter, lines, chance.random() * LONGEST_DELAY)
            if not alive:
                break
            report.kills += 1
            report.during.append(last)
            check_what_is_left(adapter, report)
        begun = ["--resume"] if RunFolder(adapter).config.exists() else []
        subprocess.run(command(folder, adapter, *begun), check=True, capture_output=True)
        assert outcomes(adapter) == outcomes(whole)
        names = [path / "adapter_model.safetensors" for path in (adapter, whole)]
        assert names[0].read_bytes() == names[1].read_bytes()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report = trial(Path(name), prepare(Path(name)), args.kills, args.seed)
    print(f"{report.kills} kills; steps lost by each: {report.lost} (saved every {SAVE_EVERY})")
    print("the last line before each kill:")
    for line in report.during:
        print(f"  {line[:100]}")


if __name__ == "__main__":
    main()
