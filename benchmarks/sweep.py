"""The sweep behind the default options: one row a setting, on robot-intents.

    python -m benchmarks.sweep [--folder FOLDER] [--only TEXT]

Each row changes some options of the program's defaults. Rows that are in the folder already are
not run again, so a sweep can be stopped and continued.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import measured
from benchmarks.robot_intents import Score, data, score
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.loading import load
from shadow_mlx.runs.events import Validated, from_json

CENTRE: Mapping[str, Any] = {
    "learning_rate": 3e-3,
    "alpha": 4.0,
    "sharing": "depth",
    "shadow_layers": 1,
}
"""What every row starts from, where that is not the program's default: the defaults as they were
when the sweep began, so that the rows mean the same whatever they taught."""

SETTINGS: tuple[Mapping[str, Any], ...] = (
    {},
    {"seed": 1},
    {"learning_rate": 1e-3},
    {"learning_rate": 1e-3, "seed": 1},
    {"learning_rate": 1e-3, "seed": 2},
    {"learning_rate": 1e-3, "shadow_layers": 2},
    {"learning_rate": 1e-3, "shadow_layers": 2, "seed": 1},
    {"learning_rate": 1e-3, "shadow_layers": 2, "seed": 2},
    {"learning_rate": 5e-4},
    {"learning_rate": 2e-3},
    {"learning_rate": 5e-3},
    {"schedule": "constant"},
    {"alpha": 2.0},
    {"alpha": 8.0},
    {"rank": 16},
    {"rank": 64},
    {"dropout": 0.1},
    {"aux_weight": 0.3},
    {"aux_weight": 2.0},
    {"batch_size": 16},
    {"shadow_layers": 2},
    {"shadow_hidden_size": 96},
    {"sharing": "layer"},
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("sweep-runs"))
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name holds TEXT")
    args = parser.parse_args(argv)
    print("| setting | validation loss, attached | detached | exact match, attached | detached |")
    print("|---|---|---|---|---|")
    for setting in SETTINGS:
        name = name_of(setting)
        if args.only in name:
            adapter = args.folder / name.replace(" ", "_")
            scores = outcome(adapter, setting)
            print(row(name, validated(adapter), scores), flush=True)
    return 0


def name_of(setting: Mapping[str, Any]) -> str:
    """``rank 8``, or ``centre``."""
    return ", ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
                     for key, value in setting.items()) or "centre"  # fmt: skip


def outcome(adapter: Path, setting: Mapping[str, Any]) -> dict[str, Score]:
    """Train and score both modes, or read what was found before."""
    record = adapter.parent / f"{adapter.name}.scores.json"
    if record.exists():
        stored = json.loads(record.read_text(encoding="utf-8"))
        return {mode: Score(**score) for mode, score in stored.items()}
    command = ["shadow_mlx", "train", "--overwrite", "--model", "sprout", "--data", str(data())]
    command += ["--adapter-path", str(adapter)]
    for key, value in {**CENTRE, **setting}.items():
        command += ["--" + key.replace("_", "-"), str(value)]
    measured(command, adapter)
    model, tokenizer = load(None, str(adapter), "attached")
    contenders = modes_of(model)
    scores = {mode: score(contenders[mode], tokenizer) for mode in ("attached", "detached")}
    found = {mode: dataclasses.asdict(score) for mode, score in scores.items()}
    record.write_text(json.dumps(found), encoding="utf-8")
    return scores


def validated(adapter: Path) -> Validated:
    """The validation that made this the run's best adapter."""
    lines = (adapter / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = (from_json(line) for line in lines)
    return [event for event in events if isinstance(event, Validated) and event.best][-1]


def row(name: str, best: Validated, scores: Mapping[str, Score]) -> str:
    """One line of the table."""
    exact = [f"{scores[mode].exact:.1%}" for mode in ("attached", "detached")]
    shadow = "–" if best.shadow_loss is None else f"{best.shadow_loss:.4f}"
    return f"| {name} | {best.loss:.4f} | {shadow} | {' | '.join(exact)} |"


if __name__ == "__main__":
    sys.exit(main())
