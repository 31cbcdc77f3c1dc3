"""One line of JSON to one record: the three formats, and every way a line can break them.

Chat       ``{"messages": [{"role": …, "content": …}, …], "tools": […]}``
Completion ``{"prompt": …, "completion": …}``
Text       ``{"text": …}``
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from shadow_mlx.data.problems import quoted

Kind = Literal["chat", "completion", "text"]
Message = Mapping[str, Any]
Finding = tuple[str, str]  # (found, expected)

ROLES = ("system", "user", "assistant", "tool")
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


class InvalidLineError(ValueError):
    """A line that is no record; ``findings`` are pairs of what was found and what was expected."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"found {a}; expected {b}" for a, b in findings))


def parse(raw: bytes, line: int) -> Record:
    """Read one line (without its newline).

    Raises:
        InvalidLineError: With every problem of the line, not only the first.
    """
    value = _read_json(raw)
    if not isinstance(value, dict):
        hint = " (a JSON array? write one object a line)" if isinstance(value, list) else ""
        raise InvalidLineError([(quoted(value) + hint, "one JSON object on a line")])
    findings: list[Finding] = []
    record = _read_record(value, line, findings)
    if b"\\u" in raw and not findings:
        _check_surrogates(value, findings)
    if findings or record is None:
        raise InvalidLineError(findings)
    return record


def _read_json(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw.decode("utf-8"))
    except InvalidLineError:
        raise
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        found = f"the byte 0x{byte:02x} at position {error.start + 1}, which is not UTF-8"
        raise InvalidLineError([(found, "UTF-8 text")]) from None
    except json.JSONDecodeError as error:
        found = f"broken JSON ({error.msg} at column {error.colno})"
        raise InvalidLineError([(found, "one JSON object on a line")]) from None
    except RecursionError:
        raise InvalidLineError([("JSON nested too deeply", "a plain record")]) from None
    except ValueError as error:  # a number of thousands of digits
        raise InvalidLineError([(str(error), "plain JSON")]) from None


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidLineError([(f"{name}, which JSON does not have", "a number, text or null")])


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _read_record(value: dict[str, Any], line: int, findings: list[Finding]) -> Record | None:
    if "messages" in value:
        messages = _read_messages(value["messages"], findings)
        tools = _read_tools(value.get("tools"), findings)
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


def _read_messages(value: Any, findings: list[Finding]) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        findings.append((f"'messages' is {quoted(value)}", "an array of messages"))
        return ()
    before = len(findings)
    messages = tuple(_read_message(item, i, findings) for i, item in enumerate(value))
    if len(findings) == before and not any(m["role"] == "assistant" for m in messages):
        findings.append(("no assistant turn", "at least one message with the role 'assistant'"))
    return messages


def _read_message(value: Any, index: int, findings: list[Finding]) -> Message:
    where = f"message {index + 1}"
    if not isinstance(value, dict):
        findings.append((f"{where} is {quoted(value)}", "an object with 'role' and 'content'"))
        return {}
    role = "system" if value.get("role") == "developer" else value.get("role")
    if role not in ROLES:
        found = f"{where} has the role {quoted(role)}" if "role" in value else f"{where}: no 'role'"
        findings.append((found, "one of " + ", ".join(ROLES)))
    elif role == "system" and index > 0:
        findings.append((f"{where} has the role 'system'", "the system message first"))
    message: dict[str, Any] = {**value, "role": role, "content": ""}
    calls = value.get("tool_calls")
    if calls is not None:
        message["tool_calls"] = _read_calls(calls, role, where, findings)
    message["content"] = _read_content(value, role, bool(calls), where, findings)
    weight = value.get("weight")
    if weight is not None and (weight not in (0, 1) or role != "assistant"):
        findings.append((f"{where} has the weight {quoted(weight)}", "0 or 1, on assistant turns"))
    return message


def _read_content(
    value: dict[str, Any], role: Any, has_calls: bool, where: str, findings: list[Finding]
) -> str:
    content = value.get("content")
    if isinstance(content, list):
        parts = [p.get("text") if isinstance(p, dict) else None for p in content]
        kinds = [p.get("type") if isinstance(p, dict) else p for p in content]
        other = [k for k, p in zip(kinds, parts, strict=True) if k != "text" or type(p) is not str]
        if other:
            found = f"{where} has a content part of type {quoted(other[0])}"
            findings.append((found, 'parts {"type": "text", "text": …} only'))
            return ""
        content = "".join(str(part) for part in parts)
    if content is None and (has_calls or "content" not in value):
        content = ""
    if not isinstance(content, str):
        findings.append((f"{where} has the content {quoted(content)}", "text"))
        return ""
    if not content.strip() and role != "tool" and not has_calls:
        found = "empty content" if "content" in value else "no 'content'"
        findings.append((f"{where} ({role}) has {found}", "text"))
    return content


def _read_calls(value: Any, role: Any, where: str, findings: list[Finding]) -> list[dict[str, Any]]:
    if role != "assistant":
        findings.append((f"{where} ({role}) has 'tool_calls'", "them on assistant turns only"))
    if not isinstance(value, list) or not value:
        findings.append((f"{where}: 'tool_calls' is {quoted(value)}", "an array of calls"))
        return []
    calls = []
    for call in value:
        function = call.get("function", call) if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str):
            findings.append((f"{where} has the tool call {quoted(call)}", "a function with a name"))
            continue
        arguments = _read_arguments(function.get("arguments", {}), where, findings)
        calls.append({"type": "function", **call, "function": {**function, "arguments": arguments}})
    return calls


def _read_arguments(value: Any, where: str, findings: list[Finding]) -> Any:
    """Templates expect an object; OpenAI's files carry the same as a string of JSON."""
    parsed = value
    if isinstance(value, str):
        try:
            parsed = _DECODER.decode(value)
        except ValueError:
            parsed = None
    if not isinstance(parsed, dict):
        found = f"{where} has the tool-call arguments {quoted(value)}"
        findings.append((found, "a JSON object"))
    return parsed


def _read_tools(value: Any, findings: list[Finding]) -> tuple[Mapping[str, Any], ...] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        findings.append((f"'tools' is {quoted(value)}", "an array of tool descriptions (objects)"))
        return None
    return tuple(value)


def _check_surrogates(value: Any, findings: list[Finding]) -> None:
    """``"\\ud83d"`` alone is legal JSON and no text at all: a tokenizer cannot encode it."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        findings.append(("half of a surrogate pair (\\ud800 to \\udfff)", "whole characters"))
