"""The tool calls of a message: every way of writing them becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shadow_mlx.data.reading.findings import (
    NULL_ARGUMENTS,
    PADDED_CALLS,
    Findings,
    empty,
    parsed,
    without_nulls,
)
from shadow_mlx.data.reading.problems import quoted
from shadow_mlx.data.reading.tools import properties

Call = dict[str, Any]
"""``{"type": "function", "function": {"name": …, "arguments": {…}}}``, perhaps with an ``id``."""

_ARGUMENTS = ("arguments", "parameters", "args", "input")
"""Names of a call's arguments: OpenAI's and the usual one, Llama's, and others."""


def read_calls(value: dict[str, Any], where: str, findings: Findings) -> list[Call]:
    """The calls of a message: its ``tool_calls``, or the one ``function_call`` of older files."""
    calls = value.get("tool_calls")
    legacy = parsed(value.get("function_call") or None, f"{where}: 'function_call' is", findings)
    if isinstance(legacy, dict):
        legacy = without_nulls(legacy)
    if not empty(legacy):
        if not empty(calls):
            findings.refuse(f"{where} has 'tool_calls' and 'function_call'", "one of the two")
        return calls_of(legacy, f"{where}: 'function_call' is", where, findings)
    if calls is None or calls in ([], ""):
        return []
    return calls_of(calls, f"{where}: 'tool_calls' is", where, findings)


def calls_of(value: Any, what: str, where: str, findings: Findings) -> list[Call]:
    """The calls that a value holds: an array, a single one, or either as a text of JSON."""
    calls = parsed(value, what, findings)
    if calls is None and isinstance(value, str):
        return []
    if isinstance(calls, dict) and calls:
        calls = [calls]
    if not isinstance(calls, list) or not calls:
        findings.refuse(f"{what} {quoted(calls)}", "an array of calls")
        return []
    read = [_read_call(call, where, findings) for call in calls]
    return [call for call in read if call is not None]


def _read_call(value: Any, where: str, findings: Findings) -> Call | None:
    call = parsed(value, f"{where} has the tool call", findings)
    if call is None and isinstance(value, str):
        return None
    rest = without_nulls(call) if isinstance(call, dict) else {}
    function = rest.pop("function", None)
    if function is None:  # the function itself, with the call's id at most
        function = {key: rest.pop(key) for key in list(rest) if key not in ("id", "type")}
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str):
        findings.refuse(f"{where} has the tool call {quoted(call)}", "a function with a name")
        return None
    given = next((key for key in _ARGUMENTS if function.get(key) is not None), "arguments")
    arguments = _read_arguments(function.get(given), where, findings)
    more = {
        key: item
        for key, item in function.items()
        if item is not None and key not in ("name", "arguments", given)
    }
    findings.keys.update(key for key in more if not empty(more[key]))
    findings.keys.update(key for key in rest if key not in ("id", "type") and not empty(rest[key]))
    return {"type": "function", **rest, "function": {"name": name, "arguments": arguments, **more}}


def _read_arguments(value: Any, where: str, findings: Findings) -> Any:
    """Templates expect an object; OpenAI's files carry the same as a string of JSON."""
    if value is None or value == "":
        return {}
    what = f"{where} has the tool-call arguments"
    arguments = parsed(value, what, findings)
    if arguments is None:  # the text says null, or its fault is noted
        return {}
    if not isinstance(arguments, dict):
        findings.refuse(f"{what} {quoted(value)}", "a JSON object")
    elif isinstance(value, str):
        return _Meant(arguments)
    return arguments


class _Meant(dict[str, Any]):
    """Arguments that came as a text: no table has padded them, so that their nulls are meant."""


def unpadded(
    messages: Sequence[Mapping[str, Any]],
    arguments: Mapping[str, Mapping[str, Any]],
    findings: Findings,
) -> tuple[Mapping[str, Any], ...]:
    """The messages without those nulls in calls that no tool asks for: a table's padding.

    Args:
        messages: As they were read.
        arguments: The arguments that each function takes, where its description says.
        findings: Told of what is left out, and of the nulls that stay.
    """
    return tuple(
        {**message, "tool_calls": [_unpadded(c, arguments, findings) for c in calls]}
        if (calls := message.get("tool_calls"))
        else message
        for message in messages
    )


def _unpadded(call: Call, arguments: Mapping[str, Mapping[str, Any]], findings: Findings) -> Call:
    function = call["function"]
    given = function["arguments"]
    if isinstance(given, _Meant):
        given = dict(given)
    elif isinstance(given, dict):
        given = _strip(given, arguments.get(function["name"]), findings)
    return {**call, "function": {**function, "arguments": given}}


def _strip(value: Any, known: Mapping[str, Any] | None, findings: Findings) -> Any:
    """An object of a call by what its schema declares; ``None`` where that is not known."""
    kept = {}
    for key, item in value.items():
        schema = known.get(key) if known is not None else None
        if item is not None:
            kept[key] = _inside(item, schema, findings)
        elif known is not None and key not in known:
            findings.note(PADDED_CALLS)
        else:
            findings.note(NULL_ARGUMENTS)
            kept[key] = item
    return kept


def _inside(item: Any, schema: Any, findings: Findings) -> Any:
    if isinstance(item, dict):
        return _strip(item, properties(schema), findings)
    if isinstance(item, list):
        inner = schema.get("items") if isinstance(schema, dict) else None
        return [_inside(one, inner, findings) for one in item]
    return item
