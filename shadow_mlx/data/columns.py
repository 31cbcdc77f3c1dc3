"""From the columns of a JSON object to one of the three formats: by their names, or as told."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.problems import quoted
from shadow_mlx.data.strict_json import Finding, InvalidLineError

Kind = Literal["chat", "completion", "text"]

AS_NAMED = ColumnConfig()
"""The columns have the formats' own names."""

BLANK_LINE = "\n\n"
"""Stands between the columns of a prompt that is made of several."""

FORMATS = "'messages', or 'prompt' and 'completion', or 'text'"

_PROMPTS = ("instruction", "question", "query", "input", "source", "user", "problem", "request")
_COMPLETIONS = ("output", "response", "answer", "target", "solution", "assistant", "summary")
_TEXTS = ("content", "document", "body", "passage", "sentence")
_CHATS = ("conversations", "conversation", "dialog", "dialogue", "chat", "turns")


class UnknownFormatError(InvalidLineError):
    """A line whose columns belong to none of the formats."""


def format_of(value: Mapping[str, Any], columns: ColumnConfig) -> Kind | None:
    """The format of an object: the one whose columns are named, else by the columns it has."""
    if columns.chat_feature:
        return "chat"
    if columns.pairs_named:
        return "completion"
    if columns.text_feature:
        return "text"
    if "messages" in value:
        return "chat"
    if "prompt" in value or "completion" in value:
        return "completion"
    return "text" if "text" in value else None


def unknown_format(value: Mapping[str, Any]) -> UnknownFormatError:
    """The error of an object in no known format: its columns, and the flags that would help."""
    guess = suggest(value) or {"prompt_feature": "COLUMN", "completion_feature": "COLUMN"}
    flags = " ".join(
        f"--{option.replace('_', '-')} {shlex.quote(column)}" for option, column in guess.items()
    )
    return UnknownFormatError([(quoted(dict(value)), f"{FORMATS}; or name the columns: {flags}")])


def suggest(columns: Collection[str]) -> dict[str, str]:
    """A guess at which columns hold what, as values of :class:`ColumnConfig`; perhaps empty."""
    chat = _first(_CHATS, columns)
    if chat:
        return {"chat_feature": chat}
    completion = _first(_COMPLETIONS, columns)
    prompts = _matching(_PROMPTS, columns)
    if completion and prompts:
        pair = _matching(("instruction", "input"), columns)  # Alpaca's two
        prompt = ",".join(pair) if len(pair) == 2 else prompts[0]
        return {"prompt_feature": prompt, "completion_feature": completion}
    text = _first(_TEXTS, columns)
    return {"text_feature": text} if text else {}


def read_prompt(value: Mapping[str, Any], columns: ColumnConfig, findings: list[Finding]) -> str:
    """The prompt of a completion, of one column or of several, the empty ones left out."""
    name = columns.prompt_feature or "prompt"
    names = [name] if name in value else name.split(",")
    if len(names) == 1:
        return read_text(value, name, findings)
    texts = [value.get(one) for one in names]
    for one, text in zip(names, texts, strict=True):
        if one not in value:
            findings.append(_missing(value, one))
        elif text is not None and not isinstance(text, str):
            findings.append((f"'{one}' is {quoted(text)}", "text"))
    joined = BLANK_LINE.join(text for text in texts if isinstance(text, str) and text.strip())
    if not joined and not findings:
        findings.append((f"{' and '.join(map(repr, names))} are empty", "text"))
    return joined


def read_text(value: Mapping[str, Any], name: str, findings: list[Finding]) -> str:
    """The text of one column; what is wrong with it is added to ``findings``."""
    text = value.get(name)
    if name not in value:
        findings.append(_missing(value, name))
    elif not isinstance(text, str):
        findings.append((f"'{name}' is {quoted(text)}", "text"))
    elif not text.strip():
        findings.append((f"'{name}' is empty", "text"))
    else:
        return text
    return ""


def read_column(value: Mapping[str, Any], name: str, findings: list[Finding]) -> Any:
    """What stands in a column that must be there."""
    if name not in value:
        findings.append(_missing(value, name))
    return value.get(name)


def _missing(value: Mapping[str, Any], name: str) -> Finding:
    if name in ("prompt", "completion"):
        return f"no '{name}'", "'prompt' and 'completion' together"
    return f"no '{name}' ({quoted(dict(value))})", "the column that was named"


def _matching(known: Sequence[str], columns: Collection[str]) -> list[str]:
    """The columns whose names are known, in the order of the known ones."""
    lower = {column.lower(): column for column in columns}
    return [lower[name] for name in known if name in lower]


def _first(known: Sequence[str], columns: Collection[str]) -> str | None:
    return next(iter(_matching(known, columns)), None)
