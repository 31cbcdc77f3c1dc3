"""The options of data: which columns are read, and how examples are made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx.config.option import Options, option
from shadow_mlx.config.values import LARGEST_COUNT

LengthPolicy = Literal["truncate", "drop"]
Thinking = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class ColumnConfig(Options):
    """Which columns of a data file hold what; the names are mlx-lm's.

    None named: the format is found by itself (``messages``, ``prompt`` and ``completion``,
    ``text`` and ``label``, or ``text``). One format's columns named: every line is read by them
    and nothing else.
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
    label_feature: str | None = option(
        None, group="data", metavar="COLUMN", help="column of a text's label"
    )
    list_labels: bool = option(
        False,
        group="data",
        help="ask for the label of a text by listing all of them before it, where they are few",
    )

    def cross_checks(self) -> list[str]:
        """A file has one format."""
        problems = super().cross_checks()
        formats = (
            ("--prompt-feature or --completion-feature", self.pairs_named),
            ("--text-feature", bool(self.text_feature) and not self.label_feature),
            ("--label-feature", bool(self.label_feature)),
            ("--chat-feature", bool(self.chat_feature)),
        )
        named = [flags for flags, given in formats if given]
        if len(named) > 1:
            problems.append(
                f"{' and '.join(named)}: columns of different formats; name those of one: prompt "
                "and completion, or text (and label), or chat"
            )
        others = [flags for flags, given in formats if given and flags != "--label-feature"]
        if self.list_labels and others:
            problems.append(f"--list-labels is for texts with labels; {others[0]} names others")
        return problems

    @property
    def pairs_named(self) -> bool:
        """Whether the columns of prompts and completions are named."""
        return bool(self.prompt_feature or self.completion_feature)

    @property
    def columns(self) -> ColumnConfig:
        """These options alone, without those of a class that adds its own."""
        return self.part(ColumnConfig)

    def named(self) -> dict[str, Any]:
        """Those of these options that are set."""
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
        return self.part(TemplateConfig)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class DataConfig(ColumnConfig, TemplateConfig):
    """How records become examples, for whichever model reads them."""

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

    @property
    def encoding(self) -> DataConfig:
        """These options alone, without those of a class that adds its own."""
        return self.part(DataConfig)
