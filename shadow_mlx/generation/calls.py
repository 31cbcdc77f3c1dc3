"""Tool calls in what a model writes, as values: names and arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

Call = tuple[str, Any]
"""Name and arguments."""

_FAULTS = (ValueError, LookupError, TypeError, AttributeError, SyntaxError, RecursionError)
"""What mlx-lm's parsers raise on what is no call."""


def calls_in(text: str, tokenizer: Any, tools: Sequence[Any] | None = None) -> list[Call]:
    """The calls in a text, by mlx-lm's parser for the model, else as JSON; empty without any.

    Args:
        text: What a model wrote.
        tokenizer: As mlx-lm loads it: it knows how most families write calls.
        tools: Descriptions of functions; some parsers read the types of arguments from them.
    """
    if tokenizer.has_tool_calling and tokenizer.tool_call_start in text:
        try:
            return [
                call for part in _parts(text, tokenizer) for call in _read(part, tokenizer, tools)
            ]
        except _FAULTS:
            return []
    return list(_json_calls(text))


def as_text(calls: Sequence[Call]) -> str:
    """Calls as JSON, so that their fields can be compared."""
    return json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls])


def _parts(text: str, tokenizer: Any) -> Iterator[str]:
    for part in text.split(tokenizer.tool_call_start)[1:]:
        yield part.partition(tokenizer.tool_call_end)[0] if tokenizer.tool_call_end else part


def _read(text: str, tokenizer: Any, tools: Sequence[Any] | None) -> Iterator[Call]:
    parsed = tokenizer.tool_parser(text, list(tools) if tools else None)
    for call in parsed if isinstance(parsed, list) else [parsed]:
        yield str(call["name"]), _arguments(call.get("arguments", {}))


def _json_calls(text: str) -> Iterator[Call]:
    decoder, place = json.JSONDecoder(), 0
    while (place := text.find("{", place)) >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        place = end
        function = value.get("function", value) if isinstance(value, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            for key in ("arguments", "parameters"):
                if key in function:
                    yield function["name"], _arguments(function[key])
                    break


def _arguments(value: Any) -> Any:
    """Some write the arguments as a text of JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
