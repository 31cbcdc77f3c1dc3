"""Tool calls of every shape become those of one shape; padding goes, what is meant stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.data.lines_of import USER, chat, chat_refusal, noted
from tests.data.reading.test_tools import TEXT, tool

LOOK = {"name": "look", "arguments": {"at": "sky"}}


def calling(**keys: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, **keys}


@pytest.mark.parametrize(
    "keys",
    [
        {"tool_calls": [{"type": "function", "function": LOOK}]},
        {"tool_calls": [{"function": {**LOOK, "arguments": json.dumps(LOOK["arguments"])}}]},
        {"tool_calls": {"function": LOOK}},
        {"tool_calls": json.dumps([{"function": LOOK}])},
        {"tool_calls": [json.dumps({"function": LOOK})]},
        {"tool_calls": [LOOK]},
        {"tool_calls": [{"name": "look", "parameters": {"at": "sky"}}]},
        {"tool_calls": [{"function": {**LOOK, "description": None}, "index": None}]},
        {"function_call": LOOK},
        {"function_call": json.dumps(LOOK), "tool_calls": []},
        {"tool_calls": [LOOK], "function_call": {"name": None, "arguments": None}},
    ],
)
def test_every_way_of_writing_a_call(keys: dict[str, Any]) -> None:
    record = chat(USER, calling(**keys))
    assert record.messages[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": LOOK}],
    }
    assert record.message_keys == ()


@pytest.mark.parametrize("nothing", ["", None, "{}", "null", {}])
def test_a_call_without_arguments(nothing: Any) -> None:
    record = chat(USER, calling(tool_calls=[{"name": "go", "arguments": nothing}]))
    assert record.messages[1]["tool_calls"][0]["function"] == {"name": "go", "arguments": {}}


def test_further_keys_of_calls_are_named() -> None:
    call = {"id": "1", "index": 3, "function": {**LOOK, "strict": True}}
    record = chat(USER, calling(tool_calls=[call]))
    assert record.messages[1]["tool_calls"][0]["index"] == 3
    assert record.message_keys == ("index", "strict")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"tool_calls": [3]}, "message 2 has the tool call the number 3"),
        ({"tool_calls": ["{"]}, "message 2 has the tool call '{', which holds broken JSON"),
        ({"tool_calls": "x"}, "message 2: 'tool_calls' is 'x', which holds broken JSON"),
        ({"tool_calls": 7}, "message 2: 'tool_calls' is the number 7"),
        ({"tool_calls": {}}, "message 2: 'tool_calls' is an empty object"),
        ({"tool_calls": [{"id": "1"}]}, "message 2 has the tool call an object"),
        ({"tool_calls": [{"function": {"name": 1}}]}, "message 2 has the tool call an object"),
        ({"tool_calls": [{"name": "f", "arguments": [1]}]}, "arguments an array of 1"),
        ({"tool_calls": [{"name": "f", "arguments": "[1]"}]}, "arguments '[1]'"),
        ({"function_call": "auto"}, "message 2: 'function_call' is 'auto'"),
        ({"tool_calls": [LOOK], "function_call": LOOK}, "'tool_calls' and 'function_call'"),
        (
            {"tool_calls": [{"name": "f", "arguments": '{"a":' * 900 + "1" + "}" * 900}]},
            "nested too deeply",
        ),
        ({"tool_calls": [{"name": "f", "arguments": r'{"a": "\ud83d"}'}]}, "surrogate pair"),
        ({"tool_calls": [{"name": "f", "arguments": '{"a": 1e999}'}]}, "the number 1e999"),
        ({"tool_calls": [{"name": "f", "arguments": '{"a": 1, "a": 2}'}]}, "the key 'a' twice"),
    ],
)
def test_what_is_no_call_is_named(keys: dict[str, Any], found: str) -> None:
    said = chat_refusal(USER, calling(**keys))
    assert found in said
    assert said.count("expected") == 1


def test_calls_are_the_assistants() -> None:
    assert "message 1 (user) has 'tool_calls'" in chat_refusal(
        {**USER, "tool_calls": [LOOK]}, calling(tool_calls=[LOOK])
    )


def arguments(given: Any, *tools: Any) -> tuple[Any, list[str]]:
    call = {"name": "look", "arguments": given}
    record = chat(USER, calling(tool_calls=[call]), tools=list(tools))
    return record.messages[1]["tool_calls"][0]["function"]["arguments"], noted(record)


def test_nulls_that_no_tool_declares_are_padding() -> None:
    look = tool("look", at=TEXT, how={"type": "object", "properties": {"far": TEXT}})
    given = {"at": "sky", "room": None, "how": {"far": "yes", "near": None}}
    kept, notes = arguments(given, look, tool("go", room=TEXT))
    assert kept == {"at": "sky", "how": {"far": "yes"}}
    assert notes == ["2 nulls are left out of tool calls: the tools have no such arguments"]
    nested = {"ways": [{"far": 1, "room": None}]}
    ways = {"type": "array", "items": {"type": "object", "properties": {"far": TEXT}}}
    assert arguments(nested, tool("look", ways=ways))[0] == {"ways": [{"far": 1}]}


@pytest.mark.parametrize("tools", [[tool("look", at=TEXT)], [tool("go")], [{"name": "look"}], []])
def test_other_nulls_stay_and_are_counted(tools: list[Any]) -> None:
    kept, notes = arguments({"at": None}, *tools)
    assert kept == {"at": None}
    assert notes == ["1 argument of a tool call is null and trained as it stands"]


def test_nulls_in_a_text_of_json_are_meant() -> None:
    assert arguments('{"room": null}', tool("look", at=TEXT)) == ({"room": None}, [])
