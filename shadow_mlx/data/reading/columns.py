"""From the columns of a JSON object to one of the four formats: by their names, or as told."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.findings import empty
from shadow_mlx.data.reading.problems import quoted
from shadow_mlx.data.reading.strict_json import InvalidLineError

Kind = Literal["chat", "completion", "label", "text"]

AS_NAMED = ColumnConfig()
"""The columns have the formats' own names."""

FORMATS = "'messages', or 'prompt' and 'completion', or 'text', perhaps with 'label'"

BESIDE = ("system", "system_prompt", "history", "tools", "functions", "chat_template_kwargs")
"""Columns that are read beside those of a chat or a completion."""

_PROMPTS = (
    *("prompt", "instruction", "question", "query", "input", "source", "user", "problem"),
    "request",
)
_COMPLETIONS = (
    *("completion", "output", "response", "answer", "target", "solution", "assistant"),
    *("summary", "reply"),
)
_MORE = ("input", "context")
"""Columns that belong to a prompt beside its question: Alpaca's, Dolly's and SQuAD's."""
_TEXTS = ("content", "document", "body", "passage", "sentence")
_LABELS = ("label", "labels", "category", "class", "intent", "sentiment", "topic", "emotion")
_CHATS = ("conversations", "conversation", "dialog", "dialogue", "chat", "turns")


class UnknownFormatError(InvalidLineError):
    """A line whose columns belong to none of the formats."""


def format_of(value: Mapping[str, Any], columns: ColumnConfig) -> Kind | None:
    """The format of an object: the one whose columns are named, else by the columns it has."""
    if columns.chat_feature:
        return "chat"
    if columns.pairs_named:
        return "completion"
    if columns.label_feature:
        return "label"
    if columns.text_feature:
        return "text"
    if "messages" in value:
        return "chat"
    if _preference(value):
        return None
    if "prompt" in value or "completion" in value:
        return "completion"
    if "text" not in value:
        return None
    return "text" if empty(value.get("label")) else "label"


def prompt_columns(value: Mapping[str, Any], columns: ColumnConfig) -> list[str]:
    """The names of the columns that make the prompt of a completion."""
    name = columns.prompt_feature or "prompt"
    return [name] if name in value else name.split(",")


def unknown_format(value: Mapping[str, Any]) -> UnknownFormatError:
    """The error of an object in no known format: its columns, and the flags that would help."""
    if _preference(value):
        found = f"'chosen' and 'rejected' ({quoted(dict(value))})"
        alone = _flags(_chosen(value))
        expected = f"one answer for each prompt: preferences are not trained here; {alone} trains "
        return UnknownFormatError([(found, expected + "the chosen answers alone")])
    flags = suggestion(value) or "--prompt-feature COLUMN --completion-feature COLUMN"
    return UnknownFormatError([(quoted(dict(value)), f"{FORMATS}; or name the columns: {flags}")])


def suggestion(value: Mapping[str, Any]) -> str:
    """The flags that would read an object, and what they leave out; empty without a guess."""
    guess = suggest(value)
    if not guess:
        return ""
    used = {*guess.values(), *guess.get("prompt_feature", "").split(","), *BESIDE}
    left = [name for name, item in value.items() if name not in used and not empty(item)]
    listed = ", ".join(quoted(name, 20) for name in left[:8])
    return _flags(guess) + (f" (leaves out {listed})" if left else "")


def suggest(columns: Collection[str]) -> dict[str, str]:
    """A guess at which columns hold what, as values of :class:`ColumnConfig`; perhaps empty."""
    chat = _first(_CHATS, columns)
    if chat:
        return {"chat_feature": chat}
    completion = _first(_COMPLETIONS, columns)
    prompts = _matching(_PROMPTS, columns)
    if completion and prompts:
        more = [name for name in _matching(_MORE, columns) if name != prompts[0]]
        return {
            "prompt_feature": ",".join([prompts[0], *more]),
            "completion_feature": completion,
        }
    text, label = _first(_TEXTS, columns), _first(_LABELS, columns)
    if text and label:
        return {"text_feature": text, "label_feature": label}
    return {"text_feature": text} if text else {}


def _preference(value: Mapping[str, Any]) -> bool:
    """Whether an object has two answers, a good one and a bad one."""
    return "chosen" in value and "rejected" in value and "completion" not in value


def _chosen(value: Mapping[str, Any]) -> dict[str, str]:
    """The columns of the better answers of preferences."""
    chosen = value["chosen"]
    first = chosen[0] if isinstance(chosen, list) and chosen else None
    whole = isinstance(first, dict) and first.get("role", first.get("from")) != "assistant"
    prompt = _first(_PROMPTS, value)
    if whole or not prompt:
        return {"chat_feature" if isinstance(chosen, list) else "text_feature": "chosen"}
    return {"prompt_feature": prompt, "completion_feature": "chosen"}


def _flags(guess: Mapping[str, str]) -> str:
    return " ".join(
        f"--{option.replace('_', '-')} {shlex.quote(column)}" for option, column in guess.items()
    )


def _matching(known: Sequence[str], columns: Collection[str]) -> list[str]:
    """The columns whose names are known, in the order of the known ones."""
    lower = {column.lower(): column for column in columns}
    return [lower[name] for name in known if name in lower]


def _first(known: Sequence[str], columns: Collection[str]) -> str | None:
    return next(iter(_matching(known, columns)), None)
