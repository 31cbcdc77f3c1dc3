"""The largest batch that a run's data make, and the usual one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.packing import PackedPlan
from shadow_mlx.data.reading.records import JsonLines, Part
from shadow_mlx.data.reading.sources import locate
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.errors import DataError, ModelError
from shadow_mlx.hub import resolving
from shadow_mlx.loading import load_tokenizer
from shadow_mlx.memory.tracing import BatchShape

MOST_RECORDS = 20_000
"""Records that are tokenised; of more, the first ones stand for all."""


@dataclass(frozen=True)
class DataBatch:
    """The largest batch, or ``None`` where it is not known; ``note`` says what a reader must know.

    Without a shape an estimate takes the largest batch that the options allow. ``usual`` is as wide
    and as full as the batches are on average.
    """

    shape: BatchShape | None
    note: str = ""
    usual: BatchShape | None = None


def batch_of_data(config: TrainConfig, most_records: int = MOST_RECORDS) -> DataBatch:
    """The largest batch of ``config.data``, as far as it can be told here.

    Validation examples that training would set apart count too.

    Raises:
        DataError: The data cannot be used, and no answers are to be written into them.
        HubError: They are on the hub, and it cannot be reached.
    """
    if config.data is None:
        return DataBatch(None, "no --data: every example is taken to be as long as allowed")
    assert config.model is not None
    try:
        tokenizer = load_tokenizer(
            resolving.resolve_config(config.model), trust_remote_code=config.trust_remote_code
        )
    except ModelError:
        note = "the tokenizer is not here yet: every example is taken to be as long as allowed"
        return DataBatch(None, note)
    train = JsonLines(locate(config.data).train, config.columns)
    some = Part(train, np.arange(min(len(train), most_records)))
    encoder = Encoder(tokenizer, config.encoding)
    try:
        shape, usual = shapes_of(encode_all(some, encoder), config)
    except DataError:
        if config.answers == "given":
            raise
        note = "answers are missing that the run will write: every example is taken to be as long "
        return DataBatch(None, note + "as allowed")
    if len(some) < len(train):
        note = f"the longest of the first {len(some):,} of {len(train):,} examples counts"
        return DataBatch(shape, note, usual)
    return DataBatch(shape, usual=usual)


def shapes_of(dataset: EncodedDataset, config: TrainConfig) -> tuple[BatchShape, BatchShape]:
    """Of the batches of the first epoch: the largest with the tokens of the fullest; the mean."""
    kind = PackedPlan if config.packing else BatchPlan
    plan = kind(dataset, config.batch_size, seed=config.seed, shuffle=config.shuffle)
    batches = plan.epoch(0)
    shapes = [(len(rows), width) for rows, width in map(plan.rows, batches)]
    trained = [int(dataset.supervised_lengths[batch].sum()) for batch in batches]
    rows, width = max(shapes, key=lambda shape: (shape[0] * shape[1], shape[1]))
    many, wide = (round(float(mean)) for mean in np.mean(shapes, axis=0))
    return (
        BatchShape(rows, width, max(trained), config.packing),
        BatchShape(many, wide, max(1, sum(trained) // len(trained)), config.packing),
    )
