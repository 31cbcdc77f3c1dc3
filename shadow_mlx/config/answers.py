"""The options of answers: one, a conversation of them, a whole file's, measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from shadow_mlx.config.data import TemplateConfig
from shadow_mlx.config.model import MODES, EncodingConfig, Mode, ModelConfig, ParallelConfig
from shadow_mlx.config.option import Options, option

MetricName = Literal["auto", "exact", "json", "label", "number", "regex", "contains"]
"""How answers are judged; see :mod:`shadow_mlx.evaluation.metrics`."""

Score = Literal["answers", "labels"]

NO_TEST_FILE = "--data: name the chats or completions to answer (a .jsonl file)"
"""What is said where a comparison has no data."""


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
        None,
        group="sampling",
        minimum=0,
        maximum=2**64 - 1,
        help="seed of the sampling (default: another one each time)",
    )
    max_kv_size: int | None = option(
        None, group="sampling", minimum=8, unit="tokens", help="longest kept context"
    )
    draft: bool = option(
        True,
        group="sampling",
        help="attached: some tokens are drafted by the shadow, or as they followed before, and the "
        "backbone reads them in one pass: the same text, sooner (left alone where it is not)",
    )


@dataclass(frozen=True)
class AnswerConfig(SamplingConfig, TemplateConfig):
    """How answers are made, whichever weights make them."""


@dataclass(frozen=True)
class ChatConfig(ParallelConfig, AnswerConfig, ModelConfig):
    """One conversation with a model."""

    system_prompt: str | None = option(None, group="prompt", metavar="TEXT", help="system message")


@dataclass(frozen=True)
class GenerateConfig(ChatConfig):
    """One prompt to a model."""

    ignore_chat_template: bool = option(
        False, group="prompt", help="continue the prompt as plain text"
    )
    json_schema: str | None = option(
        None,
        group="prompt",
        kind="path",
        metavar="FILE",
        help="file with a JSON schema that the answer follows",
    )

    def cross_checks(self) -> list[str]:
        """A system message stands in a chat."""
        problems = super().cross_checks()
        if self.ignore_chat_template and self.system_prompt is not None:
            problems.append("--system-prompt needs the chat template; leave one of the two out")
        return problems


@dataclass(frozen=True)
class CompareConfig(ParallelConfig, EncodingConfig):
    """Base, attached and detached of some adapters, and their rivals, on one test file."""

    data: str | None = option(
        None, kind="path", metavar="FILE", help="chats or completions to answer"
    )
    adapter_path: tuple[str, ...] | None = option(
        None,
        kind="path",
        metavar="DIR",
        help="adapter folders, one or several (default: adapters)",
    )
    modes: tuple[Mode, ...] = option(MODES, help="what to measure")
    rival: tuple[str, ...] | None = option(
        None,
        kind="path",
        metavar="DIR|HUB_ID|sprout",
        help="what else answers: mlx-lm's LoRA or DoRA (on the same backbone), or whole models",
    )
    metric: MetricName = option(
        "auto",
        help="how answers are judged: the same text, JSON values, label (accuracy and macro F1), "
        "number behind ####, what --pattern finds, or expected words (auto: by the data)",
    )
    pattern: str | None = option(
        None,
        metavar="REGEX",
        help="judge by what this finds last in the answer and in the expected one (its first "
        "group, if it has one)",
    )
    limit: int | None = option(
        None, minimum=1, unit="examples", help="only the first ones (default: all)"
    )
    seed: int | None = option(
        None,
        minimum=0,
        maximum=2**64 - 1,
        help="with --limit: draw the examples from the whole file, the same ones for the same seed",
    )
    max_tokens: int = option(256, minimum=1, unit="tokens", help="longest answer")
    batch_size: int = option(32, minimum=1, help="answers that are computed together")
    score: Score = option(
        "answers",
        help="what is scored: the answers that are generated, or the one of the data's labels "
        "that is the most likely answer",
    )
    calibrate: bool = option(
        False,
        help="with --score labels: weigh each label by how likely it is where nothing is said "
        "(contextual calibration)",
    )

    def cross_checks(self) -> list[str]:
        """A pattern is a regular expression, and judges by itself."""
        problems = super().cross_checks()
        if self.pattern is None:
            if self.metric == "regex":
                problems.append("--metric regex: needs the expression as --pattern")
            return problems
        if self.metric not in ("auto", "regex"):
            problems.append(f"--pattern: judges by itself; leave it or --metric {self.metric} out")
        try:
            re.compile(self.pattern)
        except re.error as error:
            problems.append(f"--pattern: no regular expression: {error}")
        return problems

    @property
    def adapters(self) -> tuple[str, ...]:
        """The adapter folders; for the backbone alone, none is needed."""
        if self.adapter_path is not None:
            return self.adapter_path
        return () if self.modes == ("base",) else ("adapters",)
