"""The messages of a chat: checked, and made plain for chat templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shadow_mlx.data.problems import quoted
from shadow_mlx.data.strict_json import DECODER, Finding

Message = Mapping[str, Any]
ROLES = ("system", "user", "assistant", "tool")
_SHARE_GPT = {"human": "user", "gpt": "assistant"}
"""Roles of ShareGPT's messages, ``{"from": …, "value": …}``, that have other names here."""


def read_messages(
    value: Any, findings: list[Finding], column: str = "messages"
) -> tuple[Message, ...]:
    """The messages of a chat; what is wrong with them is added to ``findings``.

    Afterwards ``content`` is always text, the arguments of tool calls are objects, ``developer``
    is called ``system``, and ShareGPT's ``from`` and ``value`` are ``role`` and ``content``.
    """
    if not isinstance(value, list) or not value:
        findings.append((f"'{column}' is {quoted(value)}", "an array of messages"))
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
    if "from" in value and "role" not in value:
        value = _from_share_gpt(value)
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


def _from_share_gpt(value: dict[str, Any]) -> dict[str, Any]:
    rest = {key: item for key, item in value.items() if key not in ("from", "value")}
    said = value["from"]
    role = _SHARE_GPT.get(said, said) if isinstance(said, str) else said
    content = {"content": value["value"]} if "value" in value else {}
    return {**rest, "role": role, **content}


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
            parsed = DECODER.decode(value)
        except ValueError:
            parsed = None
    if not isinstance(parsed, dict):
        found = f"{where} has the tool-call arguments {quoted(value)}"
        findings.append((found, "a JSON object"))
    return parsed


def read_tools(value: Any, findings: list[Finding]) -> tuple[Mapping[str, Any], ...] | None:
    """The value of ``tools``: descriptions of functions, passed to the template as they are."""
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        findings.append((f"'tools' is {quoted(value)}", "an array of tool descriptions (objects)"))
        return None
    return tuple(value)
