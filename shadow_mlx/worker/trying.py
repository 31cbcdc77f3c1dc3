"""How long a step of a run takes; measured once for a model and a shape of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from shadow_mlx.config import TrainConfig
from shadow_mlx.memory.step_time import batch_seconds
from shadow_mlx.memory.tracing import BatchShape
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker.estimating import batch_of

WITHOUT_INFLUENCE = (
    *("adapter_path", "data", "iters", "epochs", "learning_rate", "seed", "valid_fraction"),
    *("shuffle", "schedule", "warmup", "weight_decay", "patience", "auto", "steps_per_report"),
    *("steps_per_eval", "val_batches", "samples", "save_every", "report_to", "project_name"),
)
"""Options that say nothing of a step's time: when they change, no step is tried anew."""


def serve(
    request: m.TryStep, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """The seconds of a batch; 0 where a step alone does not tell how long a run takes."""
    config = TrainConfig.from_mapping(request.config, where="try")
    usual = batch_of(config).usual if config.data and config.model else None
    # A teacher of its own and what the shadow writes take time that no shape tells.
    if usual is None or config.teacher or config.on_policy or config.answers != "given":
        yield m.StepTried(request.id, 0.0)
        return
    given = config.to_mapping()
    same = {name: value for name, value in given.items() if name not in WITHOUT_INFLUENCE}
    yield m.StepTried(request.id, _seconds(TrainConfig.from_mapping(same), usual))


@lru_cache(maxsize=32)
def _seconds(config: TrainConfig, shape: BatchShape) -> float:
    return batch_seconds(config, shape)
