"""Shadow against LoRA on robot-intents: the same backbone, data, steps and batch.

    python -m benchmarks.robot_intents [--folder FOLDER] [--steps N] [--seed N]

Trains with each ``--sharing`` (``update`` is the default), and with mlx-lm's LoRA (rank 8, every
linear layer of every block) at three learning rates; then asks all of them, and the untuned
backbone, the questions of the test file. What is trained already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlx.utils import tree_flatten
from mlx_lm import load as load_lora
from mlx_lm.utils import get_total_parameters

from benchmarks.processes import Cost, measured
from shadow_mlx.backbones.bundled import bundled_model
from shadow_mlx.config import TrainConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.evaluation.answering import answer_all, measure_speed
from shadow_mlx.evaluation.metrics import exact_match
from shadow_mlx.evaluation.questions import questions_of
from shadow_mlx.evaluation.scoring import mean_loss
from shadow_mlx.generation.asking import Asker
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.loading import load

LORA_RATES = (2e-4, 4e-4, 1e-3)
MAX_TOKENS = 96


@dataclass(frozen=True)
class Score:
    """Share of exact answers, loss on the supervised tokens, and tokens decoded a second."""

    exact: float
    loss: float
    decode_tps: float


@dataclass(frozen=True)
class Row:
    """One line of the table; ``cost`` is that of the training."""

    name: str
    score: Score
    trained: int | None
    cost: Cost | None


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("robot-intents-runs"))
    parser.add_argument("--steps", type=int, default=None, help="default: the program's own")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    rows: list[Row] = []
    for sharing in ("update", "depth", "layer"):
        adapter = args.folder / sharing
        cost = train_shadow(adapter, sharing, args.steps, args.seed)
        rows += shadow_rows(adapter, sharing, cost, with_base=not rows)
    steps = args.steps or steps_of(args.folder / "update")
    for rate in LORA_RATES:
        adapter = args.folder / f"lora-{rate:g}"
        cost = train_lora(adapter, rate, steps, args.seed)
        rows.append(lora_row(adapter, rate, cost))
    print(table(rows))
    return 0


def train_shadow(adapter: Path, sharing: str, steps: int | None, seed: int) -> Cost:
    """One run with the default options but those given."""
    command = ["shadow_mlx", "train", "--overwrite", "--model", "sprout", "--data", str(data())]
    command += ["--adapter-path", str(adapter), "--sharing", sharing, "--seed", str(seed)]
    if steps is not None:
        command += ["--iters", str(steps)]
    return measured(command, adapter)


def train_lora(adapter: Path, rate: float, steps: int, seed: int) -> Cost:
    """mlx-lm's own trainer, with our schedule and batch size."""
    batch = TrainConfig().batch_size
    warmup = steps // 10
    options: Mapping[str, Any] = {
        "model": str(bundled_model("sprout")),
        "train": True,
        "data": str(data()),
        "adapter_path": str(adapter),
        "fine_tune_type": "lora",
        "num_layers": -1,
        "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0.0},
        "optimizer": "adamw",
        "learning_rate": rate,
        "lr_schedule": {
            "name": "cosine_decay",
            "warmup": warmup,
            "arguments": [rate, steps - warmup],
        },
        "iters": steps,
        "batch_size": batch,
        "mask_prompt": True,
        "val_batches": 25,
        "steps_per_eval": 100,
        "save_every": 100,
        "seed": seed,
    }
    adapter.mkdir(parents=True, exist_ok=True)
    config = adapter / "lora.yaml"
    config.write_text(yaml.safe_dump(dict(options)), encoding="utf-8")
    return measured(["benchmarks.mlx_lm_lora", "-c", str(config)], adapter)


def shadow_rows(adapter: Path, sharing: str, cost: Cost, *, with_base: bool) -> list[Row]:
    """Base (once), attached and detached."""
    model, tokenizer = load(None, str(adapter), "attached")
    contenders = modes_of(model)
    trained = get_total_parameters(model.shadow)
    rows = []
    if with_base:
        rows.append(Row("base (untuned)", score(contenders["base"], tokenizer), None, None))
    for mode in ("attached", "detached"):
        found = score(contenders[mode], tokenizer)
        rows.append(Row(f"{mode}, `--sharing {sharing}`", found, trained, cost))
    return rows


def lora_row(adapter: Path, rate: float, cost: Cost) -> Row:
    """The adapter that mlx-lm's trainer wrote."""
    model, tokenizer = load_lora(str(bundled_model("sprout")), adapter_path=str(adapter))
    model.eval()
    weights = tree_flatten(model.parameters())
    trained = sum(value.size for name, value in weights if "lora_" in name)
    name = f"LoRA r 8, learning rate {rate:g}"
    return Row(name, score(model, tokenizer), trained, cost)


def score(model: Any, tokenizer: Any) -> Score:
    """What a model makes of the test file."""
    records = JsonLines(data() / "test.jsonl")
    questions = questions_of(records, Asker(ChatFormat(tokenizer)))
    answers = answer_all(model, tokenizer, questions, max_tokens=MAX_TOKENS)
    right = sum(
        exact_match(answer or "", question.expected)
        for answer, question in zip(answers, questions, strict=True)
    )
    speed = measure_speed(model, tokenizer, questions, max_tokens=MAX_TOKENS)
    loss = mean_loss(model, encode_all(records, Encoder(tokenizer)))
    return Score(right / len(questions), loss, speed.decode_tps)


def data() -> Path:
    """The folder of the bundled conversations."""
    return bundled_model("sprout") / "data" / "robot-intents"


def steps_of(adapter: Path) -> int:
    """How many steps a finished run took."""
    lines = (adapter / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return max(int(event["step"]) for event in map(json.loads, lines) if "step" in event)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| model | exact match | loss | trained parameters | training | peak memory "
        "| decode, tokens/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        trained = "–" if row.trained is None else f"{row.trained:,}"
        seconds = "–" if row.cost is None else f"{row.cost.seconds:.0f} s"
        memory = "–" if row.cost is None else f"{row.cost.peak_bytes / 1e6:.0f} MB"
        lines.append(
            f"| {row.name} | {row.score.exact:.1%} | {row.score.loss:.4f} | {trained} | {seconds} "
            f"| {memory} | {row.score.decode_tps:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
