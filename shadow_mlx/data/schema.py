"""One line of JSON to one record: the three formats, and every way a line can break them.

Chat       ``{"messages": [{"role": …, "content": …}, …], "tools": […]}``
Completion ``{"prompt": …, "completion": …}``
Text       ``{"text": …}``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx.data.messages import Message, read_messages, read_tools
from shadow_mlx.data.problems import quoted
from shadow_mlx.data.strict_json import Finding, InvalidLineError, check_surrogates, read_json

__all__ = ["InvalidLineError", "Kind", "Message", "Record", "parse"]

Kind = Literal["chat", "completion", "text"]
FORMATS = "'messages', or 'prompt' and 'completion', or 'text'"


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


def parse(raw: bytes, line: int) -> Record:
    """Read one line (without its newline).

    Raises:
        InvalidLineError: With every problem of the line, not only the first.
    """
    value = read_json(raw)
    if not isinstance(value, dict):
        hint = " (a JSON array? write one object a line)" if isinstance(value, list) else ""
        raise InvalidLineError([(quoted(value) + hint, "one JSON object on a line")])
    findings: list[Finding] = []
    record = _read_record(value, line, findings)
    if b"\\u" in raw and not findings:
        check_surrogates(value, findings)
    if findings or record is None:
        raise InvalidLineError(findings)
    return record


def _read_record(value: dict[str, Any], line: int, findings: list[Finding]) -> Record | None:
    if "messages" in value:
        messages = read_messages(value["messages"], findings)
        tools = read_tools(value.get("tools"), findings)
        return Record("chat", line, messages=messages, tools=tools)
    if "prompt" in value or "completion" in value:
        prompt = _read_text(value, "prompt", findings)
        completion = _read_text(value, "completion", findings)
        return Record("completion", line, prompt=prompt, completion=completion)
    if "text" in value:
        return Record("text", line, text=_read_text(value, "text", findings))
    expected = FORMATS
    if "conversations" in value:
        expected = "'messages' with 'role' and 'content' (this looks like ShareGPT: rename them)"
    findings.append((quoted(value), expected))
    return None


def _read_text(value: dict[str, Any], key: str, findings: list[Finding]) -> str:
    text = value.get(key)
    if key not in value:
        findings.append((f"no '{key}'", "'prompt' and 'completion' together"))
    elif not isinstance(text, str):
        findings.append((f"'{key}' is {quoted(text)}", "text"))
    elif not text.strip():
        findings.append((f"'{key}' is empty", "text"))
    else:
        return text
    return ""
