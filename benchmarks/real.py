"""Shadow against LoRA and DoRA on a real language model and real data.

    python -m benchmarks.real --data FOLDER [--model NAME] [--task TASK …] [--method METHOD …]

``--data`` holds a folder for each task, with ``train.jsonl``, ``valid.jsonl`` and ``test.jsonl``.
The model is SmolLM2-135M-Instruct, which is fetched and converted once, or any folder or hub id.
Each row trains in a process of its own, with the same steps, batch, schedule and matrix product;
what is finished already is not trained again, so a bench can be stopped and continued.

A method is ``update``, ``depth`` or ``layer`` (what the shadow's blocks share), ``alone`` (a shadow
without a backbone), ``lora`` or ``dora`` (mlx-lm's, rank 8 in every linear layer), with options
after commas where they are not the defaults: ``update,rank=16,learning_rate=1e-3``,
``lora,learning_rate=4e-4``. ``@METHOD`` in an option is what an earlier row trained, with ``+`` for
its commas: ``alone,teacher=@update,shadow=@update,iters=1000``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import Cost, measured
from benchmarks.real_row import RESULT, ROW, WEIGHT_SPACE, Outcome, Row
from benchmarks.smollm2 import smollm2

TASKS = ("snips", "banking77", "gsm8k")
RATES = (2e-4, 4e-4, 1e-3)
"""Learning rates of LoRA and DoRA, of which the best by validation loss is what counts."""

METHODS = ("update", "depth", "layer", *(f"{m},learning_rate={r:g}" for m in WEIGHT_SPACE
                                         for r in RATES))  # fmt: skip

T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
"""Student's t of a two-sided 95 % interval, by the number of seeds."""


@dataclass(frozen=True)
class Finished:
    """A row, what came out of it, and what its process took."""

    row: Row
    outcome: Outcome
    cost: Cost


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "shadow-mlx-bench")
    parser.add_argument("--model", help="a folder or hub id (default: SmolLM2-135M-Instruct)")
    parser.add_argument(
        "--task", action="append", metavar="FOLDER", help=f"default: {', '.join(TASKS)}"
    )
    parser.add_argument("--method", action="append")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--questions", type=int, default=100, help="of the test file; 0 for none")
    parser.add_argument("--jobs", type=int, default=1, help="rows that train at the same time")
    args = parser.parse_args(argv)
    model = args.model or str(smollm2(args.folder))
    rows = [
        Row.parse(method, task, seed, model, str(args.data / task), args.steps, args.questions)
        for task in args.task or TASKS
        for method in args.method or METHODS
        for seed in range(args.seeds)
    ]
    with ThreadPoolExecutor(args.jobs) as pool:
        finished = list(pool.map(lambda row: run(row, args.folder), rows))
    print(table(finished, args.steps))
    return 0


def run(row: Row, folder: Path) -> Finished:
    """Train and score a row, or read what was found before."""
    place = folder / "rows" / row.name
    place.mkdir(parents=True, exist_ok=True)
    (place / ROW).write_text(json.dumps(asdict(row)), encoding="utf-8")
    cost = measured(["benchmarks.real_row", str(place)], place)
    found = json.loads((place / RESULT).read_text(encoding="utf-8"))
    print(f"{row.name}: {found['curve'][-1]}", file=sys.stderr, flush=True)
    return Finished(row, Outcome(**found), cost)


def table(rows: Sequence[Finished], steps: int) -> str:
    """One line for each task and method: means over seeds, with their 95 % intervals."""
    lines = [
        f"| task | method | trained | validation loss at {steps // 2} | at {steps} | detached "
        "| exact | F1 or right | detached exact | detached F1 or right | trained tokens/s "
        "| arrays | process |",
        "|---" * 13 + "|",
    ]
    groups: dict[tuple[str, str], list[Finished]] = {}
    for one in rows:
        groups.setdefault((one.row.task, one.row.method), []).append(one)
    for (task, method), same in groups.items():
        outcomes = [one.outcome for one in same]
        cells = [
            task,
            method,
            f"{outcomes[0].trained:,}",
            _mean(outcome.loss_at(steps // 2) for outcome in outcomes),
            _mean(outcome.loss_at(steps) for outcome in outcomes),
            _mean(outcome.shadow_loss for outcome in outcomes),
            _mean((outcome.exact for outcome in outcomes), 1, 100),
            _mean((outcome.partial for outcome in outcomes), 1, 100),
            _mean((outcome.detached_exact for outcome in outcomes), 1, 100),
            _mean((outcome.detached_partial for outcome in outcomes), 1, 100),
            _mean((outcome.trained_per_second for outcome in outcomes), 0),
            f"{max(outcome.peak_bytes for outcome in outcomes) / 1e9:.2f} GB",
            f"{max(one.cost.peak_bytes for one in same) / 1e9:.2f} GB",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(values: Iterable[float | None], digits: int = 3, times: float = 1) -> str:
    found = [times * value for value in values if value is not None]
    if not found:
        return "–"
    mean = f"{statistics.fmean(found):.{digits}f}"
    if len(found) not in T_95:
        return mean
    width = T_95[len(found)] * statistics.stdev(found) / len(found) ** 0.5
    return f"{mean} ± {width:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
