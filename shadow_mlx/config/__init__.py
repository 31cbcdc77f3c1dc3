"""Every option of the project, declared once.

This module imports nothing heavy: ``--help`` must answer at once.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx.config.option import Options, option

Sharing = Literal["depth", "layer"]
Mode = Literal["attached", "detached", "base"]
OptimizerName = Literal["adamw", "adam", "sgd", "adafactor", "lion", "muon"]
ScheduleName = Literal["cosine", "linear", "constant"]
LengthPolicy = Literal["truncate", "drop"]
Thinking = Literal["auto", "on", "off"]

LARGEST_WIDTH = 2**20  # of any part of a shadow; of a model in use, a tenth
LARGEST_COUNT = 2**31 - 1  # of anything that indexes an array of MLX

MODES: tuple[Mode, ...] = ("attached", "detached", "base")
BUNDLED_MODEL = "sprout"
DEFAULT_HUB_MODEL = "mlx-community/Qwen3-0.6B-4bit"
MODEL_VARIABLE = "SHADOW_MLX_MODEL"


@dataclass(frozen=True)
class ShadowConfig(Options):
    """The shadow itself: what is trained beside the frozen backbone (design: equations 1 to 9)."""

    sharing: Sharing = option(
        "depth",
        group="shadow",
        help="depth: one inject/update module reused at every block; layer: one for each block",
    )
    rank: int = option(
        32,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="rank r of the injection down → up",
    )
    alpha: float = option(
        4.0,
        group="shadow",
        minimum=-1e4,
        maximum=1e4,
        help="strength α of the injected correction (usually 0.1 to 4.0)",
    )
    dropout: float = option(
        0.0, group="shadow", minimum=0.0, maximum=0.99, help="dropout on the discrepancy h − s"
    )
    update_hidden_size: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="hidden width of T and G (default: the rank)",
    )
    shadow: str = option(
        "mirror",
        group="shadow",
        kind="path",
        metavar="mirror|PATH|HUB_ID",
        help="shadow backbone: 'mirror' builds a small network of the backbone's architecture; "
        "a path or hub id takes a small model or a pretrained shadow",
    )
    shadow_layers: int = option(
        2, group="shadow", minimum=1, maximum=LARGEST_COUNT, help="layers of the mirror"
    )
    shadow_hidden_size: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="width of the mirror (default: the backbone's)",
    )
    shadow_intermediate_size: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="MLP width of the mirror (default: the backbone's)",
    )
    shadow_heads: int | None = option(
        None, group="shadow", minimum=1, maximum=LARGEST_WIDTH, help="attention heads of the mirror"
    )
    shadow_kv_heads: int | None = option(
        None, group="shadow", minimum=1, maximum=LARGEST_WIDTH, help="key/value heads of the mirror"
    )
    shadow_head_dim: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="width of one attention head of the mirror",
    )
    aux_weight: float = option(
        1.0,
        group="shadow",
        minimum=0.0,
        maximum=1e6,
        help="λ: weight of the shadow's own loss; larger makes the detached shadow better",
    )

    MIRROR_ONLY: typing.ClassVar[tuple[str, ...]] = (
        "shadow_layers",
        "shadow_hidden_size",
        "shadow_intermediate_size",
        "shadow_heads",
        "shadow_kv_heads",
        "shadow_head_dim",
    )

    def cross_checks(self) -> list[str]:
        """An explicit shadow brings its own architecture."""
        problems = super().cross_checks()
        if self.shadow == "mirror":
            return problems
        return problems + [
            f"--{name.replace('_', '-')}: an explicit --shadow defines its own architecture; "
            "leave this flag out"
            for name in self.MIRROR_ONLY
            if getattr(self, name) != getattr(type(self), name)
        ]


@dataclass(frozen=True)
class ColumnConfig(Options):
    """Which columns of a data file hold what; the names are mlx-lm's.

    None named: the format is found by itself (``messages``, ``prompt`` and ``completion``, or
    ``text``). One format's columns named: every line is read by them and nothing else.
    """

    prompt_feature: str | None = option(
        None,
        group="data",
        metavar="COLUMN[,COLUMN…]",
        help="column of the prompt; several are joined by blank lines",
    )
    completion_feature: str | None = option(
        None, group="data", metavar="COLUMN", help="column of the completion"
    )
    text_feature: str | None = option(
        None, group="data", metavar="COLUMN", help="column of a plain text"
    )
    chat_feature: str | None = option(
        None, group="data", metavar="COLUMN", help="column of a chat's messages"
    )

    def cross_checks(self) -> list[str]:
        """A file has one format."""
        problems = super().cross_checks()
        formats = (
            ("--prompt-feature or --completion-feature", self.pairs_named),
            ("--text-feature", bool(self.text_feature)),
            ("--chat-feature", bool(self.chat_feature)),
        )
        named = [flags for flags, given in formats if given]
        if len(named) > 1:
            problems.append(
                f"{' and '.join(named)}: columns of different formats; name those of one: prompt "
                "and completion, or text, or chat"
            )
        return problems

    @property
    def pairs_named(self) -> bool:
        """Whether the columns of prompts and completions are named."""
        return bool(self.prompt_feature or self.completion_feature)

    @property
    def columns(self) -> ColumnConfig:
        """These options alone, without those of a class that adds its own."""
        names = [f.name for f in dataclasses.fields(ColumnConfig)]
        return ColumnConfig(**{name: getattr(self, name) for name in names})

    def named(self) -> dict[str, str]:
        """The columns that are named, by option."""
        return {name: value for name, value in self.columns.to_mapping().items() if value}


@dataclass(frozen=True)
class TemplateConfig(Options):
    """How the chat template is used: in training, and in the same way whenever it is asked."""

    thinking: Thinking = option(
        "auto",
        group="template",
        help="whether the model reasons before it answers, by the chat template's own switch "
        "(auto: as the template does by itself)",
    )
    chat_template_config: str | None = option(
        None,
        group="template",
        metavar="JSON",
        help="variables of the chat template, such as '{\"enable_thinking\": false}'",
    )

    def cross_checks(self) -> list[str]:
        """The variables are a JSON object."""
        problems = super().cross_checks()
        if (
            self.chat_template_config is not None
            and _json_object(self.chat_template_config) is None
        ):
            problems.append(
                f"--chat-template-config: expected a JSON object, found "
                f"{self.chat_template_config[:80]!r}"
            )
        return problems

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that ``chat_template_config`` sets."""
        return _json_object(self.chat_template_config or "{}") or {}

    @property
    def template(self) -> TemplateConfig:
        """These options alone, without those of a class that adds its own."""
        return TemplateConfig(self.thinking, self.chat_template_config)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class TrainConfig(ColumnConfig, ShadowConfig, TemplateConfig):
    """One fine-tuning run. Its flat mapping is ``run/config.yaml``."""

    model: str | None = option(
        None,
        kind="path",
        metavar="PATH|HUB_ID|sprout",
        help="backbone (see 'shadow-mlx info' for the default)",
    )
    data: str | None = option(
        None,
        kind="path",
        metavar="FILE|FOLDER|HUB_ID",
        help="JSON Lines of chats, completions or texts; a folder of train/valid/test.jsonl; "
        "or a dataset on the hub",
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
        None, minimum=0.0, exclusive_minimum=True, help="passes over the data, instead of --iters"
    )
    batch_size: int = option(
        8, minimum=1, maximum=LARGEST_COUNT, unit="examples", help="examples in one step"
    )
    learning_rate: float = option(
        1e-3, minimum=0.0, exclusive_minimum=True, help="peak learning rate"
    )
    seed: int = option(0, minimum=0, maximum=2**32 - 1, help="seed of everything random")

    max_seq_length: int = option(
        2048,
        group="data",
        minimum=8,
        maximum=LARGEST_COUNT,
        unit="tokens",
        help="longest example; see --too-long",
    )
    too_long: LengthPolicy = option(
        "truncate", group="data", help="what happens to longer examples: cut at the end, or dropped"
    )
    mask_prompt: bool = option(
        True, group="data", help="the loss falls on assistant turns or completions only"
    )
    valid_fraction: float = option(
        0.1,
        group="data",
        minimum=0.0,
        maximum=0.9,
        help="share of a single file kept for validation (0: none)",
    )
    shuffle: bool = option(True, group="data", help="draw examples in a random order")

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

    init_adapter: str | None = option(
        None,
        group="start",
        kind="path",
        metavar="DIR",
        help="start from the weights of another adapter",
    )
    trust_remote_code: bool = option(
        False, group="start", help="allow a model's own Python code to run (a risk: read it first)"
    )

    def cross_checks(self) -> list[str]:
        """Two lengths of a run, and patience without anything to wait for."""
        problems = super().cross_checks()
        if self.iters is not None and self.epochs is not None:
            problems.append("--iters and --epochs: give one of them, not both")
        if self.patience and self.val_batches == 0:
            problems.append("--patience needs validation; --val-batches is 0")
        return problems

    @property
    def shadow_config(self) -> ShadowConfig:
        """The part that describes the shadow."""
        names = [f.name for f in dataclasses.fields(ShadowConfig)]
        return ShadowConfig(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class SamplingConfig(Options):
    """How text is sampled; the names are mlx-lm's."""

    max_tokens: int = option(
        512, group="sampling", short="-m", minimum=1, unit="tokens", help="longest answer"
    )
    temp: float = option(0.0, group="sampling", minimum=0.0, help="temperature (0: greedy)")
    top_p: float = option(
        1.0, group="sampling", minimum=0.0, maximum=1.0, help="nucleus sampling threshold"
    )
    top_k: int = option(0, group="sampling", minimum=0, help="sample among the k best (0: all)")
    min_p: float = option(
        0.0, group="sampling", minimum=0.0, maximum=1.0, help="smallest share of the best token's p"
    )
    xtc_probability: float = option(
        0.0, group="sampling", minimum=0.0, maximum=1.0, help="chance that XTC sampling is applied"
    )
    xtc_threshold: float = option(
        0.0, group="sampling", minimum=0.0, maximum=0.5, help="probability threshold of XTC"
    )
    repetition_penalty: float | None = option(
        None, group="sampling", minimum=0.0, exclusive_minimum=True, help="1.1 discourages loops"
    )
    seed: int | None = option(
        None, group="sampling", minimum=0, maximum=2**64 - 1, help="seed of the sampling"
    )
    max_kv_size: int | None = option(
        None, group="sampling", minimum=8, unit="tokens", help="longest kept context"
    )
