"""One row of :mod:`benchmarks.real`: trains one model with one method, and asks it the test file.

    python -m benchmarks.real_row FOLDER

``FOLDER`` holds ``row.json`` and gets ``result.json``. The validation loss of every method is
measured by the same function on the same tokens; mlx-lm's own trainer trains LoRA and DoRA.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm import load as load_plain
from mlx_lm.tuner.callbacks import TrainingCallback
from mlx_lm.tuner.datasets import CacheDataset, ChatDataset
from mlx_lm.tuner.trainer import TrainingArgs, train
from mlx_lm.tuner.utils import linear_to_lora_layers

from shadow_mlx import load
from shadow_mlx.checkpoints.mlx_lm_adapter import CONFIG, WEIGHTS
from shadow_mlx.config import DataConfig, TrainConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.evaluation.answering import answer_all
from shadow_mlx.evaluation.metrics import metric_for
from shadow_mlx.evaluation.questions import answers_in, questions_of
from shadow_mlx.evaluation.replies import reply_to
from shadow_mlx.evaluation.scoring import mean_loss
from shadow_mlx.generation.asking import Asker
from shadow_mlx.runs.events import Event, Trained, Validated
from shadow_mlx.training.finetune import finetune

ROW, RESULT, ADAPTER = "row.json", "result.json", "adapter"
SHARINGS = ("update", "depth", "layer")
ALONE = "alone"
BATCH = 8
VALIDATIONS = 4
WEIGHT_SPACE = ("lora", "dora")
OF_MLX_LM = {"learning_rate", "rank", "batch_size", "max_seq_length", "mask_prompt"}
"""Options of a run of mlx-lm's trainer."""
LONGEST_ANSWER = {"snips": 96, "banking77": 24, "gsm8k": 256}
ANSWERED_TOGETHER = 100


@dataclass(frozen=True)
class Row:
    """What is trained, on what, for how long."""

    method: str
    options: Mapping[str, Any]
    task: str
    seed: int
    model: str
    data: str
    steps: int
    questions: int

    @classmethod
    def parse(cls, method: str, task: str, seed: int, *rest: Any) -> Row:
        """A row of a method as a person writes it: ``update,rank=16``.

        Raises:
            ValueError: For an option that mlx-lm's run does not take: it would be left out unsaid.
        """
        kind, *pairs = method.split(",")
        options = dict(pair.split("=", 1) for pair in pairs)
        if kind in WEIGHT_SPACE and (unknown := options.keys() - OF_MLX_LM):
            raise ValueError(f"{method}: mlx-lm's run does not take {', '.join(sorted(unknown))}")
        return cls(method, {k: _value(v) for k, v in options.items()}, task, seed, *rest)

    @property
    def kind(self) -> str:
        """``update``, ``depth``, ``layer``, ``alone``, ``lora`` or ``dora``."""
        return self.method.split(",")[0]

    @property
    def longest(self) -> int:
        """Tokens of an example, of which no more are trained on."""
        return int(self.options.get("max_seq_length", TrainConfig.max_seq_length))

    @property
    def name(self) -> str:
        """Of its folder: what tells it from other rows."""
        model = Path(self.model).name
        return f"{model}-{self.task}-{self.method}-{self.steps}-{self.questions}-s{self.seed}"


def _value(text: str) -> Any:
    """A number as such, and anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class Outcome:
    """What a row found; ``partial`` is the F1 of JSON fields, or the share of right answers."""

    trained: int
    curve: list[list[float]]  # [step, validation loss]
    shadow_loss: float | None
    trained_per_second: float
    peak_bytes: int
    exact: float | None = None
    partial: float | None = None
    detached_exact: float | None = None
    detached_partial: float | None = None

    def loss_at(self, step: int) -> float:
        """The validation loss nearest to a step."""
        return min(self.curve, key=lambda point: abs(point[0] - step))[1]


def main(folder: Path) -> None:
    """Train, score, write."""
    row = Row(**json.loads((folder / ROW).read_text(encoding="utf-8")))
    ours = row.kind in (*SHARINGS, ALONE)
    found = shadow(row, folder) if ours else weight_space(row, folder)
    (folder / RESULT).write_text(json.dumps(asdict(found)), encoding="utf-8")


def shadow(row: Row, folder: Path) -> Outcome:
    """The product's own run, and both of its models; of a shadow alone, that one."""
    adapter = folder / ADAPTER
    kind = {"objective": "pretrain"} if row.kind == ALONE else {"sharing": row.kind}
    steps = int(row.options.get("iters", row.steps))
    config = TrainConfig.from_mapping(
        {
            "model": row.model,
            "data": row.data,
            "adapter_path": str(adapter),
            "iters": steps,
            "batch_size": BATCH,
            "val_batches": -1,
            "steps_per_eval": max(1, steps // VALIDATIONS),
            "steps_per_report": min(10, max(1, steps // 4)),
            "samples": 0,
            "save_every": steps,
            "seed": row.seed,
            **kind,
            **with_rows(row, folder.parent),
        },
        where="the row",
    )
    events: list[Event] = []
    summary = finetune(config, events.append, overwrite=True)
    checks = [event for event in events if isinstance(event, Validated)]
    reports = [event for event in events if isinstance(event, Trained)]
    model, tokenizer = load(row.model, str(adapter), "attached")
    scores = (None, None) if row.kind == ALONE else answered(model, tokenizer, row)
    alone = answered(model.detached(), tokenizer, row)
    seconds = sum(
        (b.step - a.step) / b.steps_per_second
        for a, b in itertools.pairwise(reports)  # the first holds the compilation
    )
    return Outcome(
        trained=summary.trainable_parameters,
        curve=[[check.step, check.loss] for check in checks],
        shadow_loss=checks[-1].loss if row.kind == ALONE else checks[-1].shadow_loss,
        trained_per_second=(reports[-1].trained_tokens - reports[0].trained_tokens) / seconds,
        peak_bytes=max(report.peak_memory_bytes for report in reports),
        exact=scores[0],
        partial=scores[1],
        detached_exact=alone[0],
        detached_partial=alone[1],
    )


def with_rows(row: Row, rows: Path) -> dict[str, Any]:
    """The row's options; ``@update+rank=8`` is the adapter that the row of that method trained."""
    found = dict(row.options)
    for name, value in row.options.items():
        if isinstance(value, str) and value.startswith("@"):
            other = replace(row, method=value[1:].replace("+", ","))
            found[name] = str(rows / other.name / ADAPTER)
    return found


def weight_space(row: Row, folder: Path) -> Outcome:
    """LoRA or DoRA by mlx-lm, with our batch, warm-up and schedule."""
    rate, rank = float(row.options["learning_rate"]), int(row.options.get("rank", 8))
    mx.random.seed(row.seed)
    np.random.seed(row.seed)  # mlx-lm draws its batches with it
    model, tokenizer = load_plain(row.model)
    model.freeze()
    batch = int(row.options.get("batch_size", BATCH))
    only_answers = bool(row.options.get("mask_prompt", True))
    keys = {"rank": rank, "scale": 20.0, "dropout": 0.0}
    linear_to_lora_layers(model, len(model.layers), keys, use_dora=row.kind == "dora")
    adapter = folder / ADAPTER
    adapter.mkdir(exist_ok=True)
    facts = {"fine_tune_type": row.kind, "num_layers": len(model.layers), "lora_parameters": keys}
    (adapter / CONFIG).write_text(json.dumps({**facts, "model": row.model}), encoding="utf-8")
    warmup = max(1, row.steps // 10)
    schedule = optim.join_schedules(
        [
            optim.linear_schedule(rate / (warmup + 1), rate, warmup),
            optim.cosine_decay(rate, row.steps - warmup),
        ],
        [warmup],
    )
    watcher = Watcher(model, encoded(row, tokenizer, "valid"))
    examples, few = (
        CacheDataset(ChatDataset(records, tokenizer, mask_prompt=only_answers))
        for records in (read(row, "train"), read(row, "valid")[:batch])  # few: the watcher measures
    )
    mx.reset_peak_memory()
    train(
        model,
        optim.AdamW(schedule, weight_decay=0.01),
        examples,
        few,
        TrainingArgs(
            batch_size=batch,
            iters=row.steps,
            steps_per_report=min(10, max(1, row.steps // 4)),
            steps_per_eval=max(1, row.steps // VALIDATIONS),
            max_seq_length=row.longest,
            steps_per_save=10 * row.steps,
            adapter_file=str(adapter / WEIGHTS),
        ),
        training_callback=watcher,
    )
    watcher.curve.append([row.steps, watcher.loss()])
    scores = answered(model.eval(), tokenizer, row)
    return Outcome(
        trained=sum(value.size for _, value in tree_flatten(model.trainable_parameters())),
        curve=watcher.curve,
        shadow_loss=None,
        trained_per_second=watcher.tokens / watcher.seconds,
        peak_bytes=watcher.peak,
        exact=scores[0],
        partial=scores[1],
    )


class Watcher(TrainingCallback):
    """Measures mlx-lm's model as ours is measured, whenever its trainer validates."""

    def __init__(self, model: nn.Module, valid: EncodedDataset) -> None:
        self.model = model
        self.valid = valid
        self.curve: list[list[float]] = []
        self.tokens = self.seconds = 0.0
        self.peak = 0
        self._reported = 0.0

    def loss(self) -> float:
        """The validation loss of the model as it is now."""
        self.model.eval()
        found = mean_loss(self.model, self.valid)
        self.model.train()
        return found

    def on_val_loss_report(self, val_info: dict[str, Any]) -> None:
        """Measure anew, on every token of the file."""
        self.peak = max(self.peak, mx.get_peak_memory())
        self.curve.append([val_info["iteration"], self.loss()])
        mx.reset_peak_memory()  # what was measured here is not what training takes

    def on_train_loss_report(self, train_info: dict[str, Any]) -> None:
        """Add up tokens and seconds, but for the first report, which holds the compilation."""
        self.peak = max(self.peak, mx.get_peak_memory())
        tokens = train_info["trained_tokens"] - self._reported
        if self._reported:
            self.tokens += tokens
            self.seconds += tokens / train_info["tokens_per_second"]
        self._reported = train_info["trained_tokens"]


def answered(model: Any, tokenizer: Any, row: Row) -> tuple[float | None, float | None]:
    """Share of exact answers to the test file, and the score that fits its answers.

    That is the F1 of JSON fields, and the share of right ones of numbers, labels and the like.
    """
    if not row.questions:
        return None, None
    records = JsonLines(Path(row.data) / "test.jsonl")
    asker = Asker(ChatFormat(tokenizer))
    questions = questions_of(records, asker)[: row.questions]
    longest = LONGEST_ANSWER.get(row.task, 256)
    answers = answer_all(
        model, tokenizer, questions, max_tokens=longest, batch_size=ANSWERED_TOGETHER
    )
    pairs = [
        reply_to(question, answer or "", asker).pair
        for question, answer in zip(questions, answers, strict=True)
    ]
    metric = metric_for("auto", [pair.expected for pair in pairs], whole=answers_in(records))
    score = metric.scores[-1] if metric.name == "json" else metric.scores[0]
    counts = score.counts(pairs, [metric.right(pair) for pair in pairs])
    return sum(pair.same for pair in pairs) / len(pairs), float(score.ratio(counts.sum(axis=0)))


def read(row: Row, split: str) -> list[dict[str, Any]]:
    """The records of a file, as mlx-lm takes them."""
    path = Path(row.data) / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def encoded(row: Row, tokenizer: Any, split: str) -> EncodedDataset:
    """The examples of a file, as ours are measured on."""
    encoder = Encoder(tokenizer, DataConfig(max_seq_length=row.longest))
    return encode_all(JsonLines(Path(row.data) / f"{split}.jsonl"), encoder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
