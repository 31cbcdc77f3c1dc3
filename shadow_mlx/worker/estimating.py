"""How much memory a run would take; asked again with every change of its settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

from shadow_mlx.config import EncodingConfig, TrainConfig
from shadow_mlx.memory.estimate import PARTS
from shadow_mlx.memory.measure import DataBatch, batch_of_data
from shadow_mlx.memory.report import MemoryReport, report
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m

OF_DATA = (
    *("data", "batch_size", "seed", "shuffle", "teacher", "answers"),
    *(one.name for one in fields(EncodingConfig)),
)
"""Options on which the batches depend; a teacher may write the answers."""

MOST_RECORDS = 2_000
"""Records that are tokenised for one answer: a person waits for it."""


def serve(
    request: m.Estimate, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """The verdict at once; where the run does not fit, once more with advice."""
    config = TrainConfig.from_mapping(request.config, where="estimate")
    found = report(config, batch_of)
    verdict = _verdict(request, found)
    yield verdict
    if not verdict.finished:
        advice = [(one.text, one.peak) for one in found.advice()]
        yield dataclasses.replace(verdict, advice=advice, finished=True)


def _verdict(request: m.Estimate, found: MemoryReport) -> m.Estimated:
    return m.Estimated(
        request.id,
        str(found.config.model),
        {part: getattr(found.estimate, part) for part in PARTS},
        found.estimate.cache,
        found.estimate.peak,
        found.estimate.usable,
        found.verdict.fit,
        found.verdict.sentence,
        [],
        found.notes,
        finished=found.verdict.fit == "fits",
    )


def batch_of(config: TrainConfig) -> DataBatch:
    """The batches of a run's data, as far as its first records tell."""
    return _batch(_of_data(config), _changed(config.data))


def _of_data(config: TrainConfig) -> TrainConfig:
    """The same batches; whatever else is changed in the form, they are not made again."""
    return TrainConfig(**{name: getattr(config, name) for name in OF_DATA})


@lru_cache(maxsize=8)
def _batch(config: TrainConfig, _changed: int) -> DataBatch:
    """The data's largest batch, kept while neither the settings nor the file change."""
    return batch_of_data(config, MOST_RECORDS)


def _changed(data: str | None) -> int:
    path = Path(data) if data else None
    return path.stat().st_mtime_ns if path and path.exists() else 0
