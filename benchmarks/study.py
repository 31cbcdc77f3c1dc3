"""What detaching costs, what helps, and what else one would do for a small model.

    python -m benchmarks.study --data FOLDER [--model NAME] [--task TASK …] [--steps N] [--more N]

Rows of :mod:`benchmarks.real`, in the order in which they build upon each other; what is finished
is not trained again. A row is judged by what its detached model keeps of the score of the attached
one: that of ``update``, the product's defaults.

``--model sprout --data models/sprout/data --task robot-intents`` is the same for the bundled model.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.real import TASKS, Finished, run, table
from benchmarks.real_row import Row
from benchmarks.smollm2 import smollm2

LORA = "lora,learning_rate=4e-4"
ATTACHED = "update"

METHODS = {
    ATTACHED: "the defaults",
    "update,aux_weight=0.3": "a smaller λ",
    "update,aux_weight=3": "a larger λ",
    "update,distill_weight=1": "taught by the attached model on the way",
    "update,shadow_layers=1": "one layer",
    "update,shadow_hidden_size={half}": "half of the width",
    "update,{copied}": "whole copied blocks",
    "depth": "one module for all depths",
    "layer": "a module for each block",
    LORA: "LoRA",
    "dora,learning_rate=4e-4": "DoRA",
    "alone,iters={more}": "alone: the default network, on the data",
    "alone,{random},iters={more}": "alone: whole blocks, from scratch",
    "alone,{first},iters={more}": "alone: copies of the first blocks",
    "alone,{copied},iters={more}": "alone: copies of blocks evenly apart",
    "alone,{copied},shadow_rate=0.3,iters={more}": "… at 0.3 of the rate",
    "alone,{copied},teacher=@{lora},teacher_top=32,iters={more}": "… taught by the tuned LoRA",
    "alone,{copied},teacher=@update,teacher_top=32,iters={more}": "… taught by the attached model",
    "alone,shadow=@update+{copied+},teacher=@update+{copied+},teacher_top=32,iters={more}":
        "distil: the adapter's shadow, taught by the attached model",
    "alone,{copied},teacher=base,teacher_top=32,iters={more}": "… taught by the untuned backbone",
    "update,shadow=@alone+{copied+}+iters={more}": "both, begun with what learnt the data alone",
    "update,shadow=@alone+{copied+}+teacher=base+teacher_top=32+iters={more},shadow_rate=0.3":
        "both, begun with what the untuned backbone taught",
}  # fmt: skip
"""Rows and what they are; those that build upon others come behind them."""


def methods(more: int, width: int, layers: int = 4) -> dict[str, str]:
    """The rows' methods, with the steps of a shadow alone and the sizes filled in."""
    random = f"shadow_budget=0,shadow_layers={layers}"
    copied = f"{random},shadow_start=even"
    named = {
        "more": more,
        "half": width // 2,
        "lora": LORA.replace(",", "+"),
        "random": random,
        "first": f"{random},shadow_start=first",
        "copied": copied,
        "copied+": copied.replace(",", "+"),
    }
    return {method.format(**named): what for method, what in METHODS.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "shadow-mlx-bench")
    parser.add_argument("--model", help="a folder or hub id (default: SmolLM2-135M-Instruct)")
    parser.add_argument("--task", action="append", metavar="FOLDER")
    parser.add_argument("--only", action="append", metavar="METHOD", help="some of the rows")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--more", type=int, default=1000, help="steps of a shadow alone")
    parser.add_argument("--width", type=int, default=576, help="of the backbone")
    parser.add_argument("--layers", type=int, default=4, help="whole blocks of a shadow")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--questions", type=int, default=100)
    args = parser.parse_args(argv)
    model = args.model or str(smollm2(args.folder))
    known = methods(args.more, args.width, args.layers)
    finished = [
        run(Row.parse(method, task, seed, model, str(args.data / task), args.steps, args.questions),
            args.folder)
        for task in args.task or TASKS
        for seed in range(args.seeds)
        for method in args.only or known
    ]  # fmt: skip
    print(table(finished, args.steps))
    print()
    print(kept(finished, known))
    return 0


def kept(rows: Sequence[Finished], known: dict[str, str]) -> str:
    """What each detached model keeps of the attached one's score, by task."""
    lines = ["| task | what | attached | detached | kept |", "|---|---|---|---|---|"]
    tasks = dict.fromkeys(one.row.task for one in rows)
    for task in tasks:
        here = [one for one in rows if one.row.task == task]
        whole = _mean(here, ATTACHED, detached=False)
        for method in dict.fromkeys(one.row.method for one in here):
            attached, detached = (_mean(here, method, detached=flag) for flag in (False, True))
            share = detached / whole if detached is not None and whole else None
            cells = [task, known.get(method, method), *map(_share, (attached, detached, share))]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(rows: Sequence[Finished], method: str, *, detached: bool) -> float | None:
    """The mean over seeds of what :func:`benchmarks.real_row.answered` says fits the task."""
    outcomes = [one.outcome for one in rows if one.row.method == method]
    scores = [one.detached_partial if detached else one.partial for one in outcomes]
    known = [score for score in scores if score is not None]
    return statistics.fmean(known) if known else None


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


if __name__ == "__main__":
    sys.exit(main())
