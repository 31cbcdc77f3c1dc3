"""What fits which machine: the table of ``docs/memory.md``, from shapes alone.

    python -m benchmarks.fits [FOLDER …]

prints the peak that ``shadow-mlx estimate`` gives for 4-bit Qwen3 models with every example as long
as allowed, what ``train --auto`` chooses on machines with 8, 16 and 32 GB, and the peak beside that
of mlx-lm's LoRA; the last also for each folder with a ``config.json``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.lora_estimate import lora_peak
from benchmarks.shapes import BACKBONES, config_of
from shadow_mlx import words
from shadow_mlx.config import TrainConfig
from shadow_mlx.memory.estimate import estimate
from shadow_mlx.memory.fitting import fitted
from shadow_mlx.memory.tracing import BatchShape
from shadow_mlx.training.device import WORKING_SHARE

LENGTHS = {
    "0.6B": (128, 512, 2048),
    "1.7B": (128, 512, 1024, 2048),
    "4B": (128, 512, 1024, 2048),
    "8B": (512, 1024),
}
SMALL: dict[str, Any] = {
    "grad_checkpoint": True,
    "batch_size": 1,
    "grad_accumulation_steps": 8,
}
MACHINES = {"8 GB": 8e9, "16 GB": 16e9, "32 GB": 32e9}
FOR_PROGRAMS = 0.72
"""Share of a Mac's memory that MLX may use for its arrays, about."""

AUTO_LENGTH = 512
BESIDE_LORA = BatchShape(rows=4, width=512, trained=4 * 512)


def write_config(folder: Path, name: str) -> Path:
    """A folder with the ``config.json`` of one backbone, and nothing else."""
    place = folder / name
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config_of(name)), encoding="utf-8")
    return place


def peaks(folder: Path) -> list[str]:
    """One line for each backbone and length: the peak by default, and with the least settings."""
    found = []
    for name, lengths in LENGTHS.items():
        place = str(write_config(folder, name))
        for length in lengths:
            run = TrainConfig(model=place, max_seq_length=length)
            both = [estimate(run).peak, estimate(dataclasses.replace(run, **SMALL)).peak]
            found.append(f"| {name} | {length:,} | {' | '.join(words.size(b, 1) for b in both)} |")
    return found


def chosen(folder: Path) -> list[str]:
    """One line for each backbone: what ``--auto`` chooses on machines of some sizes."""
    found = []
    for name in BACKBONES:
        run = TrainConfig(model=str(folder / name), max_seq_length=AUTO_LENGTH)
        cells = []
        for memory in MACHINES.values():
            machine = int(memory * FOR_PROGRAMS / WORKING_SHARE)
            cells.append(fitted(run, memory=machine).sentence.removeprefix("--auto: "))
        found.append(f"| {name} | {' | '.join(cells)} |")
    return found


def beside_lora(places: Iterable[Path]) -> list[str]:
    """One line for each backbone: the peak of four long examples, LoRA's, and the ratios."""
    found = []
    for place in places:
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        theirs = lora_peak(config, BESIDE_LORA.rows, BESIDE_LORA.width)
        run = TrainConfig(model=str(place), max_seq_length=BESIDE_LORA.width + 1)
        cells = [words.size(theirs, 1)]
        for ours_as in (run, dataclasses.replace(run, grad_checkpoint=True)):
            ours = estimate(ours_as, BESIDE_LORA).peak
            cells.append(f"{words.size(ours, 1)}: {ours / theirs:.2f} ×")
        found.append(f"| {place.name} | {' | '.join(cells)} |")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print("\n".join(peaks(Path(temporary))), flush=True)
        print("\n".join(chosen(Path(temporary))), flush=True)
        places = [*(Path(temporary) / name for name in BACKBONES), *map(Path, sys.argv[1:])]
        print("\n".join(beside_lora(places)))
