"""Every option of the project, declared once.

A frozen dataclass field made with :func:`option` carries its name, type, default, help, unit,
range and group. The command line's flags, the YAML file, the saved ``run/config.yaml`` and the
terminal UI's forms are all derived from these declarations (see :mod:`shadow_mlx.cli.options`).
This module imports nothing heavy: ``--help`` must answer at once.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field
from typing import Any, Literal

from shadow_mlx.errors import ConfigError

Sharing = Literal["depth", "layer"]
Mode = Literal["attached", "detached", "base"]
OptimizerName = Literal["adamw", "adam", "sgd", "adafactor", "lion", "muon"]
ScheduleName = Literal["cosine", "linear", "constant"]
LengthPolicy = Literal["truncate", "drop"]

MODES: tuple[Mode, ...] = ("attached", "detached", "base")
BUNDLED_MODEL = "sprout"
DEFAULT_HUB_MODEL = "mlx-community/Qwen3-0.6B-4bit"
MODEL_VARIABLE = "SHADOW_MLX_MODEL"


@dataclass(frozen=True)
class OptionInfo:
    """What a form or a parser needs to know of one option beyond its name, type and default."""

    help: str
    group: str = "basic"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    flag: str | None = None
    short: str | None = None
    metavar: str | None = None


def option(
    default: Any = MISSING,
    *,
    help: str,  # the word argparse and every reader uses
    group: str = "basic",
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive_minimum: bool = False,
    flag: str | None = None,
    short: str | None = None,
    metavar: str | None = None,
) -> Any:
    """Declare one option as a dataclass field; see :class:`OptionInfo` for the arguments."""
    info = OptionInfo(help, group, unit, minimum, maximum, exclusive_minimum, flag, short, metavar)
    if default is MISSING:
        return field(metadata={"option": info})
    return field(default=default, metadata={"option": info})


def option_info(declared: Field[Any]) -> OptionInfo:
    """The :class:`OptionInfo` of a field made with :func:`option`."""
    info = declared.metadata["option"]
    assert isinstance(info, OptionInfo)
    return info


def flag_name(declared: Field[Any]) -> str:
    """``--batch-size`` for the field ``batch_size``, unless the declaration names another flag."""
    return option_info(declared).flag or "--" + declared.name.replace("_", "-")


@dataclass(frozen=True)
class Options:
    """Base of the option groups: range checks at construction, strict mappings in and out."""

    def __post_init__(self) -> None:
        problems = [
            problem
            for declared in dataclasses.fields(self)
            if (problem := _problem_of(declared, getattr(self, declared.name)))
        ]
        problems += self.cross_checks()
        if problems:
            raise ConfigError("\n".join(problems))

    def cross_checks(self) -> list[str]:
        """Problems between fields, one sentence each, naming the flags."""
        return []

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "config") -> typing.Self:
        """Build from a mapping (a YAML file). Unknown keys and wrong types are errors."""
        declared = {f.name: f for f in dataclasses.fields(cls)}
        hints = typing.get_type_hints(cls)
        problems: list[str] = []
        converted: dict[str, Any] = {}
        for raw_key, value in values.items():
            key = str(raw_key).replace("-", "_")
            if key not in declared:
                problems.append(f"{where}: unknown option {raw_key!r}{_suggestion(key, declared)}")
                continue
            try:
                converted[key] = _convert(value, hints[key])
            except (TypeError, ValueError):
                expected = describe_type(hints[key])
                problems.append(f"{where}: {raw_key}: expected {expected}, found {value!r}")
        if problems:
            raise ConfigError("\n".join(problems))
        return cls(**converted)

    def to_mapping(self) -> dict[str, Any]:
        """A plain mapping that :meth:`from_mapping` reads back to an equal object."""
        return dataclasses.asdict(self)


def _suggestion(key: str, known: Mapping[str, Any]) -> str:
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def choices_of(hint: Any) -> tuple[str, ...] | None:
    """The values of a ``Literal`` (also inside ``| None``), or ``None``."""
    for part in typing.get_args(hint) if _is_union(hint) else (hint,):
        if typing.get_origin(part) is Literal:
            return typing.get_args(part)
    return None


def plain_type(hint: Any) -> type:
    """``int`` for ``int | None``, ``str`` for a ``Literal`` of strings, and so on."""
    parts = [p for p in typing.get_args(hint) if p is not type(None)] if _is_union(hint) else [hint]
    if typing.get_origin(parts[0]) is Literal:
        return str
    assert isinstance(parts[0], type), hint
    return parts[0]


def describe_type(hint: Any) -> str:
    """A reader's name of a type: ``a whole number``, ``one of depth, layer`` …"""
    chosen = choices_of(hint)
    if chosen:
        return "one of " + ", ".join(chosen)
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names[plain_type(hint)]


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (types.UnionType, typing.Union)


def _convert(value: Any, hint: Any) -> Any:
    if value is None:
        if _is_union(hint) and type(None) in typing.get_args(hint):
            return None
        raise TypeError
    target = plain_type(hint)
    if target is bool or isinstance(value, bool):
        if target is bool and isinstance(value, bool):
            return value
        raise TypeError
    if target is float and isinstance(value, (int, float, str)):
        return float(value)  # YAML reads 1e-3 as text
    if target is int and isinstance(value, (int, float, str)):
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    if target is str and isinstance(value, str):
        return value
    raise TypeError


def _problem_of(declared: Field[Any], value: Any) -> str | None:
    info = declared.metadata.get("option")
    if info is None or value is None:
        return None
    name = flag_name(declared)
    if isinstance(value, float) and value != value:
        return f"{name}: expected a number, found nan"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = info.minimum, info.maximum
        if low is not None and (value < low or (info.exclusive_minimum and value == low)):
            bound = "more than" if info.exclusive_minimum else "at least"
            return f"{name}: must be {bound} {low:g}, found {value:g}"
        if high is not None and value > high:
            return f"{name}: must be at most {high:g}, found {value:g}"
    return None


@dataclass(frozen=True)
class ShadowConfig(Options):
    """The shadow itself: what is trained beside the frozen backbone (design: equations 1 to 9)."""

    sharing: Sharing = option(
        "depth",
        group="shadow",
        help="depth: one inject/update module reused at every block; layer: one for each block",
    )
    rank: int = option(32, group="shadow", minimum=1, help="rank r of the injection down → up")
    alpha: float = option(
        4.0, group="shadow", help="strength α of the injected correction (usually 0.1 to 4.0)"
    )
    dropout: float = option(
        0.0, group="shadow", minimum=0.0, maximum=0.99, help="dropout on the discrepancy h − s"
    )
    update_hidden_size: int | None = option(
        None, group="shadow", minimum=1, help="hidden width of T and G (default: the rank)"
    )
    shadow: str = option(
        "mirror",
        group="shadow",
        metavar="mirror|PATH|HUB_ID",
        help="shadow backbone: 'mirror' builds a small network of the backbone's architecture; "
        "a path or hub id takes a small model or a pretrained shadow",
    )
    shadow_layers: int | None = option(
        None, group="shadow", minimum=1, help="layers of the mirror (default: 1)"
    )
    shadow_hidden_size: int | None = option(
        None, group="shadow", minimum=1, help="width of the mirror (default: the backbone's)"
    )
    shadow_intermediate_size: int | None = option(
        None, group="shadow", minimum=1, help="MLP width of the mirror (default: the backbone's)"
    )
    shadow_heads: int | None = option(
        None, group="shadow", minimum=1, help="attention heads of the mirror"
    )
    shadow_kv_heads: int | None = option(
        None, group="shadow", minimum=1, help="key/value heads of the mirror"
    )
    shadow_head_dim: int | None = option(
        None, group="shadow", minimum=1, help="width of one attention head of the mirror"
    )
    aux_weight: float = option(
        1.0,
        group="shadow",
        minimum=0.0,
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
            if getattr(self, name) is not None
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
class TrainConfig(ColumnConfig, ShadowConfig):
    """One fine-tuning run. Its flat mapping is ``run/config.yaml``."""

    model: str | None = option(
        None, metavar="PATH|HUB_ID|sprout", help="backbone (see 'shadow-mlx info' for the default)"
    )
    data: str | None = option(
        None,
        metavar="FILE|FOLDER|HUB_ID",
        help="JSON Lines of chats, completions or texts; a folder of train/valid/test.jsonl; "
        "or a dataset on the hub",
    )
    adapter_path: str = option(
        "adapters", metavar="DIR", help="where the adapter and the run's record are written"
    )
    iters: int | None = option(
        None, minimum=1, unit="steps", help="optimizer steps (default: 3 epochs, at least 300)"
    )
    epochs: float | None = option(
        None, minimum=0.0, exclusive_minimum=True, help="passes over the data, instead of --iters"
    )
    batch_size: int = option(8, minimum=1, unit="examples", help="examples in one step")
    learning_rate: float = option(
        3e-3, minimum=0.0, exclusive_minimum=True, help="peak learning rate"
    )
    seed: int = option(0, minimum=0, maximum=2**32 - 1, help="seed of everything random")

    max_seq_length: int = option(
        2048, group="data", minimum=8, unit="tokens", help="longest example; see --too-long"
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
        1, group="optimizer", minimum=1, help="batches summed into one optimizer step"
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
    save_every: int = option(100, group="report", minimum=1, help="steps between checkpoints")
    report_to: str | None = option(
        None, group="report", metavar="wandb,swanlab", help="also report to these services"
    )
    project_name: str | None = option(
        None, group="report", help="project name for --report-to (default: the folder's name)"
    )

    init_adapter: str | None = option(
        None, group="start", metavar="DIR", help="start from the weights of another adapter"
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
    seed: int | None = option(None, group="sampling", minimum=0, help="seed of the sampling")
    max_kv_size: int | None = option(
        None, group="sampling", minimum=8, unit="tokens", help="longest kept context"
    )
