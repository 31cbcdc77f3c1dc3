"""The jobs that the command line, the terminal UI and Python callers ask for."""

from __future__ import annotations

from shadow_mlx.evaluation.measuring import compare
from shadow_mlx.memory.report import report as estimate
from shadow_mlx.training.finetune import finetune as train

__all__ = ["compare", "estimate", "train"]
