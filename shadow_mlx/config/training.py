"""The options of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from shadow_mlx.config.combinations import problems_of
from shadow_mlx.config.model import EncodingConfig, ParallelConfig
from shadow_mlx.config.option import option
from shadow_mlx.config.shadow import ShadowConfig
from shadow_mlx.config.values import LARGEST_COUNT
from shadow_mlx.config.writing import WritingConfig

ObjectiveName = Literal["finetune", "pretrain"]
Frozen = Literal["shadow", "adapter"]
ShadowStart = Literal["random", "even", "first", "last"]
OptimizerName = Literal["adamw", "adam", "sgd", "adafactor", "lion", "muon"]
ScheduleName = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True)
class TrainConfig(ParallelConfig, WritingConfig, EncodingConfig, ShadowConfig):
    """One fine-tuning run. Its flat mapping is ``run/config.yaml``."""

    objective: ObjectiveName = option(
        "finetune",
        help="what is learnt: finetune: the data, by backbone and shadow together and by the "
        "shadow alone; pretrain: to write without a backbone, by the shadow alone",
    )
    data: str | None = option(
        None,
        kind="path",
        metavar="FILE|FOLDER|HUB_ID",
        help="JSON Lines of chats, completions, labels or texts; a folder of "
        "train/valid/test.jsonl; or a dataset on the hub",
    )
    adapter_path: str = option(
        "adapters",
        kind="path",
        metavar="DIR",
        help="where the adapter and the run's record are written",
    )
    iters: int | None = option(
        None, minimum=1, unit="steps", help="optimizer steps (default: 3 epochs, at least 300)"
    )
    epochs: float | None = option(
        None,
        minimum=0.0,
        exclusive_minimum=True,
        help="passes over the data, instead of --iters (default: 3, or more up to 300 steps)",
    )
    batch_size: int = option(
        8, minimum=1, maximum=LARGEST_COUNT, unit="examples", help="examples in one step"
    )
    learning_rate: float | None = option(
        None,
        minimum=0.0,
        exclusive_minimum=True,
        maximum=10.0,
        help="peak learning rate (default: 1.5e-3 for up to 450 steps, then falling with the root "
        "of their number, 1e-3 for 1,000)",
    )
    seed: int = option(0, minimum=0, maximum=2**32 - 1, help="seed of everything random")

    shadow_budget: float | None = option(
        None,
        group="shadow",
        minimum=0.0,
        metavar="SHARE|COUNT",
        help="trained parameters, below 1 as a share of the backbone's, that sizes left open are "
        "chosen for (default: from the backbone; 0: no budget, open sizes are the backbone's own)",
    )

    valid_fraction: float = option(
        0.1,
        group="data",
        minimum=0.0,
        maximum=0.9,
        help="share of a single file kept for validation (0: none)",
    )
    shuffle: bool = option(True, group="data", help="draw examples in a random order")
    packing: bool = option(
        False,
        group="data",
        help="lay the examples of a step behind each other in few rows, each seen by itself, so "
        "that steps mix long and short ones and next to nothing is padded; --batch-size counts "
        "examples, as without",
    )

    optimizer: OptimizerName = option("adamw", group="optimizer", help="optimizer")
    schedule: ScheduleName = option(
        "cosine", group="optimizer", help="course of the learning rate after the warm-up"
    )
    warmup: int | None = option(
        None, group="optimizer", minimum=0, unit="steps", help="warm-up (default: 10% of the run)"
    )
    clip: float = option(
        1.0, group="optimizer", minimum=0.0, help="largest global gradient norm (0: no clipping)"
    )
    weight_decay: float = option(0.01, group="optimizer", minimum=0.0, help="decay of matrices")
    grad_accumulation_steps: int = option(
        1,
        group="optimizer",
        minimum=1,
        maximum=LARGEST_COUNT,
        help="batches summed into one optimizer step",
    )
    patience: int = option(
        0,
        group="optimizer",
        minimum=0,
        help="stop after so many validations without a better loss (0: never)",
    )

    grad_checkpoint: bool = option(
        False, group="memory", help="recompute activations: less memory, more time"
    )

    auto: bool = option(
        False,
        group="memory",
        help="choose a smaller batch (accumulated), --grad-checkpoint and, last, shorter examples, "
        "as far as the run needs them to fit this machine",
    )

    steps_per_report: int = option(10, group="report", minimum=1, help="steps between reports")
    steps_per_eval: int = option(100, group="report", minimum=1, help="steps between validations")
    val_batches: int = option(
        25, group="report", minimum=-1, help="batches of one validation (-1: all, 0: none)"
    )
    samples: int = option(
        1,
        group="report",
        minimum=0,
        help="validation examples answered after each validation (0: none)",
    )
    save_every: int = option(100, group="report", minimum=1, help="steps between checkpoints")
    report_to: str | None = option(
        None, group="report", metavar="wandb,swanlab", help="also report to these services"
    )
    project_name: str | None = option(
        None, group="report", help="project name for --report-to (default: the folder's name)"
    )

    distill_weight: float | None = option(
        None,
        group="distillation",
        minimum=0.0,
        maximum=1e6,
        help="δ: weight of the shadow's distance from a teacher's answers (default: 1 where "
        "another option asks for a teacher, else 0)",
    )
    teacher: str | None = option(
        None,
        group="distillation",
        kind="path",
        metavar="base|DIR|PATH|HUB_ID",
        help="who the shadow learns from: the untuned backbone, the attached model of an adapter, "
        "an adapter of mlx-lm on the backbone, or a model with the same tokens (default: the "
        "attached model itself; base in pretraining)",
    )
    distill_temperature: float = option(
        1.0,
        group="distillation",
        minimum=0.0,
        maximum=100.0,
        exclusive_minimum=True,
        help="τ: both distributions are softened by it before they are compared",
    )
    reverse_kl: float = option(
        0.0,
        group="distillation",
        minimum=0.0,
        maximum=1.0,
        help="ρ: share of the reverse divergence, which keeps the shadow to likely answers; the "
        "rest is the forward one, which has it cover all of them",
    )
    hidden_weight: float = option(
        0.0,
        group="distillation",
        minimum=0.0,
        maximum=1e6,
        help="weight of the distance between hidden states of the shadow and those of a teacher "
        "that is as wide as the backbone (see --hidden-blocks)",
    )
    hidden_blocks: str = option(
        "last",
        group="distillation",
        metavar="last|even|N,N,...",
        help="with --hidden-weight: the teacher's blocks whose states are a target: last, for the "
        "shadow's last state; even, in equal strides for each of its layers; or their numbers from "
        "1, one for each layer",
    )
    draft_weight: float = option(
        0.0,
        group="distillation",
        minimum=0.0,
        maximum=1e6,
        help="weight of the drafts that would be refused: with it the shadow learns to draft what "
        "the attached model (in pretraining, the teacher) accepts",
    )
    teacher_top: int = option(
        0,
        group="distillation",
        minimum=0,
        maximum=LARGEST_COUNT,
        help="keep so many of the teacher's likeliest tokens for each position on disk, before the "
        "first step: then the teacher leaves memory (0: it answers while training)",
    )
    on_policy: float = option(
        0.0,
        group="distillation",
        minimum=0.0,
        maximum=1.0,
        metavar="SHARE",
        help="share of the steps that train on what the shadow itself writes behind the data's "
        "prompts: there it learns from the teacher alone",
    )
    on_policy_temperature: float = option(
        1.0,
        group="distillation",
        minimum=0.0,
        maximum=100.0,
        help="temperature that the shadow writes at, with --on-policy (0: its likeliest tokens)",
    )
    distill_end: float | None = option(
        None,
        group="distillation",
        minimum=0.0,
        maximum=1e6,
        help="δ at the end of the run, approached in equal steps (default: the same all along)",
    )
    aux_end: float | None = option(
        None,
        group="distillation",
        minimum=0.0,
        maximum=1e6,
        help="λ at the end of the run, approached in equal steps (default: the same all along)",
    )

    shadow_start: ShadowStart = option(
        "random",
        group="start",
        help="what a fresh mirror starts with: random weights, or copies of the backbone's blocks "
        "(spread evenly, the first, the last), cut to the mirror's sizes",
    )
    shadow_rate: float = option(
        1.0,
        group="start",
        minimum=0.0,
        maximum=1e3,
        exclusive_minimum=True,
        help="learning rate of the shadow network, as a multiple of --learning-rate; copied or "
        "pretrained weights want less than 1",
    )
    freeze: Frozen | None = option(
        None,
        group="start",
        help="what is left as it starts: the shadow network, or the adapter (injection and update)",
    )
    init_adapter: str | None = option(
        None,
        group="start",
        kind="path",
        metavar="DIR",
        help="start from the weights of another adapter",
    )

    TASK_ONLY: ClassVar[tuple[str, ...]] = (
        "sharing", "rank", "alpha", "dropout", "update_hidden_size", "freeze", "init_adapter",
    )  # fmt: skip
    """Options that say nothing of a shadow by itself, which is all that pretraining trains."""

    @classmethod
    def idle(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """What only tasks have, in pretraining; where a mirror starts, if there is none."""
        found = super().idle(values)
        if values.get("objective") == "pretrain":
            found |= {*cls.TASK_ONLY}
        if values.get("shadow", "mirror") != "mirror":
            found |= {"shadow_start"}
        if values.get("teacher", "base") == "base":
            found |= {"answers", "max_tokens"}
        return found

    def cross_checks(self) -> list[str]:
        """See :mod:`.combinations`."""
        return super().cross_checks() + problems_of(self)

    @property
    def teaching(self) -> float:
        """δ, as the run begins."""
        if self.distill_weight is not None:
            return self.distill_weight
        return 1.0 if self.teacher or self.teacher_top or self.hidden_weight else 0.0

    @property
    def distils(self) -> bool:
        """Whether the shadow learns from a teacher at some time of the run."""
        return max(self.teaching, self.distill_end or 0.0, self.draft_weight) > 0

    @property
    def numbered_blocks(self) -> tuple[int, ...]:
        """The blocks that ``hidden_blocks`` numbers, none where it names them by a word."""
        parts = [part.strip() for part in self.hidden_blocks.split(",")]
        numbers = all(part.isascii() and part.isdecimal() and len(part) < 8 for part in parts)
        return tuple(map(int, parts)) if numbers else ()
