"""One line of JSON to one record: the three formats, and every way a line can break them.

Chat       ``{"messages": [{"role": …, "content": …}, …], "tools": […]}``
Completion ``{"prompt": …, "completion": …}``
Text       ``{"text": …}``

The columns may have other names, where :class:`~shadow_mlx.config.ColumnConfig` tells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.columns import (
    AS_NAMED,
    Kind,
    format_of,
    read_column,
    read_prompt,
    read_text,
    unknown_format,
)
from shadow_mlx.data.messages import Message, read_messages, read_tools
from shadow_mlx.data.problems import quoted
from shadow_mlx.data.strict_json import Finding, InvalidLineError, check_surrogates, read_json

__all__ = ["InvalidLineError", "Kind", "Message", "Record", "parse", "read_object"]


@dataclass(frozen=True)
class Record:
    """One validated example.

    ``messages`` are normalised for chat templates: ``content`` is always text, the arguments of
    tool calls are objects, and ``developer`` is called ``system``. ``line`` counts from 1.
    """

    kind: Kind
    line: int
    messages: tuple[Message, ...] = ()
    tools: tuple[Mapping[str, Any], ...] | None = None
    prompt: str = ""
    completion: str = ""
    text: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    message_keys: tuple[str, ...] = ()


def parse(raw: bytes, line: int, columns: ColumnConfig = AS_NAMED) -> Record:
    """Read one line (without its newline).

    Raises:
        UnknownFormatError: Its columns belong to none of the formats.
        InvalidLineError: With every problem of the line, not only the first.
    """
    value = read_object(raw)
    kind = format_of(value, columns)
    if kind is None:
        raise unknown_format(value)
    findings: list[Finding] = []
    record = _read_record(kind, value, line, columns, findings)
    if b"\\u" in raw and not findings:
        check_surrogates(value, findings)
    if findings:
        raise InvalidLineError(findings)
    return record


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a line.

    Raises:
        InvalidLineError: The line is something else.
    """
    value = read_json(raw)
    if not isinstance(value, dict):
        hint = " (a JSON array? write one object a line)" if isinstance(value, list) else ""
        raise InvalidLineError([(quoted(value) + hint, "one JSON object on a line")])
    return value


def _read_record(
    kind: Kind, value: dict[str, Any], line: int, columns: ColumnConfig, findings: list[Finding]
) -> Record:
    if kind == "chat":
        column = columns.chat_feature or "messages"
        content = read_column(value, column, findings)
        messages = () if findings else read_messages(content, findings, column)
        tools = read_tools(value.get("tools"), findings)
        return Record(kind, line, messages=messages, tools=tools)
    if kind == "completion":
        prompt = read_prompt(value, columns, findings)
        completion = read_text(value, columns.completion_feature or "completion", findings)
        question = {"role": "user", "content": prompt}
        answer = {"role": "assistant", "content": completion}
        messages = (question, answer)
        return Record(kind, line, messages=messages, prompt=prompt, completion=completion)
    return Record(kind, line, text=read_text(value, columns.text_feature or "text", findings))
