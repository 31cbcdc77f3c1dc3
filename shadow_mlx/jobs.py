"""What the command line, the terminal UI and Python callers ask for; one function a job."""

from __future__ import annotations

from shadow_mlx.config import TrainConfig
from shadow_mlx.events import Listener, StopToken
from shadow_mlx.memory.report import MemoryReport, report
from shadow_mlx.training.finetune import RunSummary, finetune

__all__ = ["MemoryReport", "RunSummary", "estimate_memory", "train"]


def train(
    config: TrainConfig,
    listener: Listener | None = None,
    stop: StopToken | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> RunSummary:
    """Fine-tune a model with a shadow; see :func:`shadow_mlx.training.finetune.finetune`."""
    return finetune(config, listener, stop, resume=resume, overwrite=overwrite)


def estimate_memory(config: TrainConfig) -> MemoryReport:
    """The memory that training would take; see :func:`shadow_mlx.memory.report.report`."""
    return report(config)
