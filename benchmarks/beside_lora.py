"""Speed and memory of training beside mlx-lm's LoRA: the same data, batch and machine, in turn.

    python -m benchmarks.beside_lora --data FOLDER [--model NAME] [--case CASE …] [--rounds N]

``--data`` is what :mod:`benchmarks.real` takes. Every round trains the shadow for a few steps in a
process of its own and then LoRA (rank 8, every linear layer), so that what else the machine does
falls on both; ratios are medians over the rounds. Few examples are validated: that is not measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.real import Finished, run
from benchmarks.real_row import Row
from benchmarks.smollm2 import smollm2

SHADOW, LORA = "update", "lora,learning_rate=4e-4"
VALIDATED = 8
"""Examples: one batch."""


@dataclass(frozen=True)
class Case:
    """What is trained on: examples of ``task``, so many ``joined`` to one, with further options."""

    task: str
    options: str = ""
    joined: int = 1


CASES = {
    "SNIPS": Case("snips"),
    "SNIPS, every token trained": Case("snips", ",mask_prompt=false"),
    "GSM8K": Case("gsm8k"),
    "4 × 512, half trained": Case("gsm8k", ",batch_size=4,max_seq_length=512", joined=4),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Train in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "shadow-mlx-bench")
    parser.add_argument("--model", help="a folder or hub id (default: SmolLM2-135M-Instruct)")
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    args = parser.parse_args(argv)
    model = args.model or str(smollm2(args.folder))
    lines = []
    for name in args.case or CASES:
        case = CASES[name]
        data = examples(case, args.data, args.folder / "beside-lora")
        pairs = [
            tuple(
                run(
                    Row.parse(
                        f"{method}{case.options}", data.name, turn, model, str(data), args.steps, 0
                    ),
                    args.folder,
                )
                for method in (SHADOW, LORA)
            )
            for turn in range(args.rounds)
        ]
        lines.append(line(name, pairs))
    print(HEAD, *lines, sep="\n")
    return 0


def examples(case: Case, data: Path, place: Path) -> Path:
    """A data set of which little is validated."""
    folder = place / f"{case.task}-{case.joined}"
    folder.mkdir(parents=True, exist_ok=True)
    for split, most in (("train", None), ("valid", VALIDATED * case.joined), ("test", 1)):
        lines = (data / case.task / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(one)["messages"] for one in lines[:most]]
        groups = [records[i : i + case.joined] for i in range(0, len(records), case.joined)]
        text = "".join(json.dumps({"messages": together(group)}) + "\n" for group in groups)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


def together(group: Sequence[Sequence[dict[str, str]]]) -> list[dict[str, str]]:
    """One conversation of several: what the same role says is one message."""
    return [
        {"role": turn[0]["role"], "content": "\n".join(one["content"] for one in turn)}
        for turn in zip(*group, strict=True)
    ]


HEAD = (
    "| data | trained tokens/s, × LoRA | arrays, × LoRA | process, × LoRA "
    "| process ÷ arrays |\n|---|---|---|---|---|"
)


def line(name: str, pairs: Sequence[tuple[Finished, ...]]) -> str:
    """Of one case, the medians over the rounds."""

    def middle(values: Sequence[float]) -> float:
        return statistics.median(values)

    speeds = [[one.outcome.trained_per_second for one in pair] for pair in pairs]
    arrays = [[one.outcome.peak_bytes / 1e9 for one in pair] for pair in pairs]
    process = [[one.cost.peak_bytes / 1e9 for one in pair] for pair in pairs]

    def cell(found: Sequence[Sequence[float]], digits: int, unit: str) -> str:
        ours, theirs = (middle([pair[i] for pair in found]) for i in (0, 1))
        ratio = middle([pair[0] / pair[1] for pair in found])
        return f"{ours:.{digits}f} and {theirs:.{digits}f}{unit}: {ratio:.2f} ×"

    share = middle([p[0] / a[0] for p, a in zip(process, arrays, strict=True)])
    cells = [name, cell(speeds, 1, ""), cell(arrays, 2, " GB"), cell(process, 2, " GB")]
    return "| " + " | ".join([*cells, f"{share:.2f}"]) + " |"


if __name__ == "__main__":
    sys.exit(main())
