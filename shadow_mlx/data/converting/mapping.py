"""A row under the formats' own names: what its columns hold, and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.columns import (
    AS_NAMED,
    BESIDE,
    Kind,
    format_of,
    prompt_columns,
    suggest,
    unknown_format,
)
from shadow_mlx.data.reading.fields import BLANK_LINE, HISTORY
from shadow_mlx.data.reading.findings import empty


@dataclass(frozen=True)
class Mapped:
    """A row as an example.

    Attributes:
        kind: Its format.
        made: The object, under the names ``messages``, ``prompt``, ``completion``, ``text``, ….
        own: The same values under the names that their columns have in the file.
    """

    kind: Kind
    made: dict[str, Any]
    own: dict[str, Any]


def mapped(values: Mapping[str, Any], columns: ColumnConfig = AS_NAMED) -> Mapped:
    """The example of a row.

    Columns that are read beside a format's own keep their names.

    Raises:
        UnknownFormatError: Its columns belong to none of the formats.
    """
    kind = format_of(values, columns)
    if kind is None:
        raise unknown_format(values)
    sources = _sources(kind, values, columns)
    reading: dict[str, Callable[[Any], Any]] = {"messages": opened, "label": lambda value: value}
    own = {
        column: reading.get(name, as_text)(values[column])
        for name, several in sources.items()
        for column in several
        if column in values
    }
    made = {
        name: found[0] if len(found) == 1 else _joined(found)
        for name, several in sources.items()
        if (found := [own[column] for column in several if column in own])
    }
    if kind != "text":
        for name in BESIDE:
            if name not in own and not empty(values.get(name)):
                made[name] = own[name] = opened(values[name]) if name == HISTORY else values[name]
    return Mapped(kind, made, own)


def _sources(
    kind: Kind, values: Mapping[str, Any], columns: ColumnConfig
) -> dict[str, tuple[str, ...]]:
    """The columns of which each column of the format is made."""
    if kind == "chat":
        return {"messages": (columns.chat_feature or "messages",)}
    if kind == "completion":
        answer = columns.completion_feature or "completion"
        return {"prompt": tuple(prompt_columns(values, columns)), "completion": (answer,)}
    found: dict[str, tuple[str, ...]] = {"text": (columns.text_feature or "text",)}
    if kind == "label":
        found["label"] = (columns.label_feature or "label",)
    return found


def _joined(values: Sequence[Any]) -> Any:
    """The texts of several columns as one; or the first value that is no text."""
    texts = [value for value in values if not empty(value)]
    wrong = next((value for value in texts if not isinstance(value, str)), None)
    return BLANK_LINE.join(filter(str.strip, texts)) if wrong is None else wrong


def as_text(value: Any) -> Any:
    """A number as the text that it is written as; tables have types, and a model reads text."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value


def opened(value: Any) -> Any:
    """The array or object that a cell of text holds, as tables without lists carry messages."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def suggested(columns: Collection[str]) -> dict[str, str]:
    """A guess at which columns hold what, as values of ``ColumnConfig``; perhaps empty."""
    own = {
        "chat_feature": ("messages",),
        "prompt_feature,completion_feature": ("prompt", "completion"),
        "text_feature,label_feature": ("text", "label"),
        "text_feature": ("text",),
    }
    for options, names in own.items():
        if all(name in columns for name in names):
            return dict(zip(options.split(","), names, strict=True))
    return suggest(columns)
