"""The tools of a conversation: from every place where files keep them, without padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shadow_mlx.data.reading.findings import PADDED_TOOLS, Findings, empty, parsed
from shadow_mlx.data.reading.problems import quoted

Tools = tuple[Mapping[str, Any], ...]

COLUMNS = ("tools", "functions")
"""Names of the column, and of the key of a message: OpenAI's, and OpenAI's of 2023."""

_MAY_BE_NULL = ("default", "const")
"""What a JSON schema says by null; in a padded description it is padding like the rest."""


class ToolBox:
    """Collects the tools of a line: they may stand in several places, and must agree."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._found: list[Any] | None = None
        self._where = ""

    def add(self, key: str, value: Any, where: str) -> None:
        """What a column or a key of a message holds; nothing, where it is empty."""
        tools = parsed(value, f"{where} is", self._findings) if not empty(value) else None
        if empty(tools):
            return
        if isinstance(tools, list):
            tools = [parsed(tool, f"{where} has", self._findings) for tool in tools]
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            expected = "an array of tool descriptions (objects)"
            self._findings.refuse(f"{where} is {quoted(value)}", expected)
            return
        if key == "functions":
            tools = [
                tool if "function" in tool else {"type": "function", "function": tool}
                for tool in tools
            ]
        if self._found is not None and self._found != tools:
            found = f"different tools in {self._where} and {where}"
            self._findings.refuse(found, "one set of tools for the conversation")
        self._found, self._where = tools, where

    def lift(self, messages: Any) -> Any:
        """Take the tools out of the messages that carry them; other values as they are."""
        if not isinstance(messages, list) or not any(map(_has_tools, messages)):
            return messages
        return [self._lifted(item, i) for i, item in enumerate(messages, 1)]

    def _lifted(self, message: Any, number: int) -> Any:
        if not _has_tools(message):
            return message
        for key in COLUMNS:
            self.add(key, message.get(key), f"'{key}' of message {number}")
        return {key: item for key, item in message.items() if key not in COLUMNS}

    def tools(self) -> Tools | None:
        """The tools without padding; ``None`` without any."""
        if not self._found:
            return None
        padded = any(_nulls(tool, _MAY_BE_NULL) for tool in self._found)
        spared = () if padded else _MAY_BE_NULL
        self._findings.note(PADDED_TOOLS, sum(_nulls(tool, spared) for tool in self._found))
        return tuple(_stripped(tool, spared) for tool in self._found)


def _has_tools(message: Any) -> bool:
    return isinstance(message, dict) and ("tools" in message or "functions" in message)


def _nulls(value: Any, spared: tuple[str, ...]) -> int:
    """How many properties are null, but for the spared ones."""
    if isinstance(value, list):
        return sum(_nulls(item, spared) for item in value)
    if not isinstance(value, dict):
        return 0
    return sum(
        key not in spared if item is None else _nulls(item, spared) for key, item in value.items()
    )


def _stripped(value: Any, spared: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_stripped(item, spared) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _stripped(item, spared)
        for key, item in value.items()
        if item is not None or key in spared
    }


def declared(tools: Tools | None) -> dict[str, Mapping[str, Any]]:
    """The arguments that each function takes, by name; those left out say nothing of theirs."""
    found: dict[str, Mapping[str, Any]] = {}
    for tool in tools or ():
        function = tool.get("function", tool)
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            arguments = properties(function.get("parameters", function.get("input_schema")))
            if arguments is not None:
                found[function["name"]] = arguments
    return found


def properties(schema: Any) -> Mapping[str, Any] | None:
    """What an object of a schema may hold, by name; ``None`` where the schema does not say."""
    if not isinstance(schema, dict):
        return None
    if "properties" not in schema and ("type" in schema or not schema):
        return None
    inner = schema.get("properties", schema)  # some write the properties alone
    return inner if isinstance(inner, dict) else None
