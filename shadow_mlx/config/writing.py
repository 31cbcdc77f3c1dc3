"""The options of answers that a teacher writes before its shadow learns from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shadow_mlx.config.option import Options, option

WrittenAnswers = Literal["given", "missing", "all", "right"]


@dataclass(frozen=True)
class WritingConfig(Options):
    """Answers that a model writes into data, for its shadow to learn from."""

    answers: WrittenAnswers = option(
        "given",
        group="distillation",
        help="whose answers are learnt: the data's, or those that the attached model of the "
        "adapter named as --teacher writes first: the missing ones, all, or all, of which only "
        "those are kept that say what the data say (distill: missing)",
    )
    max_tokens: int = option(
        256,
        group="distillation",
        minimum=1,
        unit="tokens",
        help="longest answer that is written, with --answers",
    )
