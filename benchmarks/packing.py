"""Real tokens a second and padding: batches by length, packed, and as mlx-lm pads them.

``python -m benchmarks.packing --data FILE --model sprout``: all ways train one model, a batch of
each in turn, so that what else the machine does meets all alike. Only ratios are printed of times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shadow_mlx import loading
from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.config import ColumnConfig, TrainConfig
from shadow_mlx.data.batches import Batch, BatchPlan
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.packing import PackedPlan
from shadow_mlx.data.reading.records import JsonLines, Part
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.model import prepare_model
from shadow_mlx.training.objectives import objective_of
from shadow_mlx.training.optimizers import build_optimizer
from shadow_mlx.training.step import TrainingStep

MLX_LM_PADS_TO = 32


class MlxLmPlan(BatchPlan):
    """Batches as mlx-lm's trainer makes them: sorted before they are cut, padded to 32 tokens.

    Its command sorts by the number of fields of a record (``CacheDataset.itemlen``), which are
    alike in all records, so that the file's order stays; ``sorts`` is what it means to do.
    """

    sorts = False

    def epoch(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        """The batches in random order; mlx-lm leaves out what does not fill one."""
        count = len(self.dataset) // self.batch_size * self.batch_size
        order = np.argsort(self.widths, kind="stable") if self.sorts else np.arange(count)
        batches = np.split(order[:count], count // self.batch_size)
        return [batches[i] for i in self.drawn(epoch, 0, len(batches))]

    def width(self, batch: npt.NDArray[np.int64]) -> int:
        """The longest example's tokens, rounded up."""
        longest = int(self.widths[batch].max()) + 1
        return -(-longest // MLX_LM_PADS_TO) * MLX_LM_PADS_TO


class SortedPlan(MlxLmPlan):
    """As mlx-lm means to make them."""

    sorts = True


WAYS: dict[str, type[BatchPlan]] = {
    "by length": BatchPlan,
    "packed": PackedPlan,
    "as mlx-lm pads": MlxLmPlan,
    "as mlx-lm pads, sorted": SortedPlan,
}
"""The first is what the others are compared with."""


def real_tokens(plan: BatchPlan, examples: npt.NDArray[np.int64]) -> int:
    """Input tokens that are no padding."""
    return int(plan.widths[examples].sum())


def padding(plan: BatchPlan) -> float:
    """Share of an epoch's input tokens that are padding."""
    batches = plan.epoch(0)
    cells = sum(len(rows) * width for rows, width in map(plan.rows, batches))
    return 1 - sum(real_tokens(plan, batch) for batch in batches) / cells


def encoded(config: TrainConfig, records: int) -> EncodedDataset:
    """The first records of the data, for the model's tokenizer."""
    assert config.model is not None
    assert config.data is not None
    _, _, folder = loading.load_backbone(config.model)
    read = JsonLines(config.data, ColumnConfig())
    some = Part(read, np.arange(min(records, len(read))))
    return encode_all(some, Encoder(loading.load_tokenizer(folder), config.encoding))


def fair_sample(batches: Sequence[Batch], count: int) -> list[Batch]:
    """Batches that are as large, on the whole, as all of them: one of each part by size."""
    by_size = sorted(batches, key=lambda batch: batch.inputs.size)
    parts = np.array_split(np.arange(len(by_size)), min(count, len(by_size)))
    return [by_size[part[len(part) // 2]] for part in parts]


def speeds(config: TrainConfig, plans: Sequence[BatchPlan], steps: int) -> list[float]:
    """Real tokens a second of each plan; every shape is compiled before the clock runs."""
    assert config.model is not None
    backbone, backbone_config, _ = loading.load_backbone(config.model)
    model = prepare_model(backbone, backbone_config, config)
    step = TrainingStep(
        model, build_optimizer(config, 2 * steps), objective_of(config, None, model)
    )
    drawn = [fair_sample(list(plan.iterate(epochs=1)), steps) for plan in plans]

    def seconds(number: int, batch: Batch) -> float:
        ready = [supervised(batch)]
        began = time.perf_counter()
        step.finish(step.start(number, ready, batch.tokens, [0.0, 0.0]))
        return time.perf_counter() - began

    spent = np.zeros(len(plans))
    for measuring in (False, True):
        for number, batches in enumerate(zip(*drawn, strict=True), 1):  # in turn
            for way, batch in enumerate(batches):
                spent[way] += measuring * seconds(number, batch)
    tokens = [
        sum(real_tokens(plan, batch.examples) for batch in batches)
        for plan, batches in zip(plans, drawn, strict=True)
    ]
    return [count / time_taken for count, time_taken in zip(tokens, spent, strict=True)]


def table(config: TrainConfig, steps: int, records: int) -> str:
    """A row for each way."""
    dataset = encoded(config, records)
    plans = [kind(dataset, config.batch_size) for kind in WAYS.values()]
    found = speeds(config, plans, steps)
    lengths = dataset.lengths - 1
    lines = [
        f"{len(dataset):,} examples of {lengths.mean():.0f} tokens (longest {lengths.max()}), "
        f"{config.batch_size} in a step, {steps} steps each",
        "| batches | padding | real tokens/s |",
        "|---|---|---|",
    ]
    for name, plan, speed in zip(WAYS, plans, found, strict=True):
        lines.append(f"| {name} | {padding(plan):.1%} | {speed / found[0]:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=str(bundled_data() / "train.jsonl"))
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--records", type=int, default=3000)
    parser.add_argument("--max-seq-length", type=int, default=1024)
    args = parser.parse_args()
    config = TrainConfig(
        model=args.model,
        data=args.data,
        batch_size=args.batch_size,
        max_seq_length=args.max_seq_length,
        learning_rate=1e-4,
    )
    print(table(config, args.steps, args.records))


if __name__ == "__main__":
    main()
