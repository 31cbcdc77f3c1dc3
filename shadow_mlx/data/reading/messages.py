"""The messages of a chat: checked, and made plain for chat templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shadow_mlx.data.reading.calls import calls_of, read_calls
from shadow_mlx.data.reading.content import read_content
from shadow_mlx.data.reading.findings import UNANSWERED, Findings, empty, without_nulls
from shadow_mlx.data.reading.message_flags import take_reasoning, take_weight
from shadow_mlx.data.reading.problems import quoted

Message = Mapping[str, Any]
ROLES = ("system", "user", "assistant", "tool")

KNOWN = ("role", "content", "tool_calls", "tool_call_id", "name", "reasoning_content", "weight")
"""Keys of messages that are understood here; others stay for templates that read them."""

_PLAIN = {"role", "content"}

_CALLERS = ("function_call", "tool_call")
"""Roles of messages whose content is an assistant's call."""

_OTHER_NAMES = {
    "developer": "system",
    "human": "user",
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "model", "ai", *_CALLERS), "assistant"),
    **dict.fromkeys(("function", "observation", "ipython", "environment"), "tool"),
    **dict.fromkeys(("function_response", "tool_response", "tool_result"), "tool"),
}
"""Roles of ShareGPT's and other files that have other names here."""


def read_messages(
    value: Any, findings: Findings, column: str = "messages", *, answered: bool = True
) -> tuple[Message, ...]:
    """The messages of a chat; what is wrong with them is added to ``findings``.

    Afterwards ``content`` is always text, ``tool_calls`` are objects with arguments as objects,
    roles have OpenAI's names (``developer`` is ``system``), and ShareGPT's ``from`` and ``value``
    are ``role`` and ``content``. An assistant message has its reasoning as ``reasoning_content``,
    and ``weight`` 0 or 1 where the file says whether it is trained.

    Args:
        value: What stands in the column.
        findings: Grows.
        column: Its name.
        answered: Whether the assistant must say something.
    """
    if isinstance(value, dict) and ("role" in value or "from" in value):
        value = [value]
    if not isinstance(value, list) or not value:
        findings.refuse(f"'{column}' is {quoted(value)}", "an array of messages")
        return ()
    before = len(findings.problems)
    messages: list[dict[str, Any]] = []
    calling = False  # whether the last message is one whose content is a call
    for i, item in enumerate(value, 1):
        message, is_call = _read_message(item, f"message {i}", findings)
        if calling and is_call and message.get("weight") == messages[-1].get("weight"):
            messages[-1]["tool_calls"] += message.get("tool_calls", [])  # calls side by side
        else:
            messages.append(message)
        calling = is_call and "tool_calls" in messages[-1]
    said = [i for i, one in enumerate(messages, 1) if one.get("role") == "assistant"]
    if answered and not said and len(findings.problems) == before:
        expected = "at least one message with the role 'assistant'"
        findings.refuse("no assistant turn", expected)
    return tuple(messages)


def note_unanswered(messages: tuple[Message, ...], findings: Findings) -> None:
    """Count the messages behind the last answer."""
    behind = 0
    for message in reversed(messages):
        if message.get("role") == "assistant":
            break
        behind += 1
    findings.note(UNANSWERED, behind)


def _read_message(value: Any, where: str, findings: Findings) -> tuple[dict[str, Any], bool]:
    """A message, and whether its content was a call."""
    if not isinstance(value, dict):
        findings.refuse(f"{where} is {quoted(value)}", "an object with 'role' and 'content'")
        return {}, False
    if value.keys() == _PLAIN:  # most messages, and most of the time of a check
        words = value["content"]
        if value["role"] in ROLES and isinstance(words, str) and words.strip():
            return value, False
    before = len(findings.problems)
    message = without_nulls(value, but=("content", "role"))
    for key, other in (("role", "from"), ("content", "value")):
        if message.get(key) is None and other in message:
            message[key] = message.pop(other)
    said = message.get("role")
    role = _OTHER_NAMES.get(said, said) if isinstance(said, str) else said
    known = role in ROLES
    if not known:
        found = f" has the role {quoted(said)}" if "role" in message else ": no 'role'"
        findings.refuse(where + found, "one of " + ", ".join(ROLES))
    is_call = said in _CALLERS
    has_content, content = "content" in message, message.pop("content", None)
    if is_call:
        calls = calls_of(content, f"{where} ({said}) has the content", where, findings)
        content = ""
    else:
        calls = read_calls(message, where, findings)
    if calls and known and role != "assistant":
        findings.refuse(f"{where} ({role}) has 'tool_calls'", "them on assistant turns only")
    for key in ("role", "tool_calls", "function_call"):
        message.pop(key, None)
    message = {**message, "role": role, "content": ""}
    if calls:
        message["tool_calls"] = calls
    if content is None and (calls or not has_content or len(findings.problems) > before):
        content = ""  # beside a call, even one that is broken
    message["content"], thoughts = read_content(content, where, findings)
    reasoning = take_reasoning(message, thoughts, where, findings)
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    weight = take_weight(message, where, findings)
    if weight is not None:
        message["weight"] = weight
    says = message["content"].strip() or calls or reasoning or is_call or role == "tool"
    if known and not says and len(findings.problems) == before:
        found = "empty content" if has_content else "no 'content'"
        findings.refuse(f"{where} ({role}) has {found}", "text")
    findings.keys.update(key for key in message if key not in KNOWN and not empty(message[key]))
    return message, is_call
