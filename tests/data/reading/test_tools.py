"""Tool descriptions: from every place, one set, without a table's padding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.lines_of import ANSWER, USER, chat, chat_refusal, noted, read

TEXT = {"type": "string"}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [tool("look", at=TEXT), tool("go")]


@pytest.mark.parametrize(
    "columns",
    [
        {"tools": TOOLS},
        {"tools": json.dumps(TOOLS)},
        {"tools": [json.dumps(one) for one in TOOLS]},
        {"functions": [one["function"] for one in TOOLS]},
        {"functions": json.dumps([one["function"] for one in TOOLS])},
        {"tools": TOOLS, "functions": [one["function"] for one in TOOLS]},
        {"tools": TOOLS, "functions": []},
    ],
)
def test_tools_of_a_line_or_of_a_message(columns: dict[str, Any]) -> None:
    assert chat(USER, ANSWER, **columns).tools == tuple(TOOLS)
    inside = chat({"role": "system", "content": "x", **columns}, USER, ANSWER)
    assert inside.tools == tuple(TOOLS)
    assert inside.message_keys == inside.unread == ()
    assert "tools" not in inside.messages[0]


@pytest.mark.parametrize("nothing", [None, [], "", "null", "[]", {}])
def test_no_tools(nothing: Any) -> None:
    assert chat(USER, ANSWER, tools=nothing).tools is None


@pytest.mark.parametrize("wrong", ["look", "{", {"a": 1}, [3], ["x"], 7, ['["a"]']])
def test_what_are_no_tools_is_named(wrong: Any) -> None:
    assert "'tools'" in chat_refusal(USER, ANSWER, tools=wrong)


def test_tools_must_agree() -> None:
    said = chat_refusal({**USER, "tools": TOOLS[:1]}, ANSWER, tools=TOOLS)
    assert "different tools in 'tools' of message 1 and 'tools'" in said


def test_a_completion_has_tools_too() -> None:
    assert read({"prompt": "a", "completion": "b", "tools": TOOLS}).tools == tuple(TOOLS)


names = st.sampled_from(["city", "room", "size", "when"])


@settings(max_examples=60)
@given(st.dictionaries(names, st.lists(names, unique=True), min_size=1))
def test_a_table_and_back_is_the_same(wanted: dict[str, list[str]]) -> None:
    """A table gives every tool all the properties of all tools, the foreign ones null."""
    plain = [tool(name, **dict.fromkeys(keys, TEXT)) for name, keys in wanted.items()]
    every = dict.fromkeys(key for keys in wanted.values() for key in keys)
    padded = [tool(n, **{**every, **dict.fromkeys(keys, TEXT)}) for n, keys in wanted.items()]
    record = chat(USER, ANSWER, tools=padded)
    assert record.tools == tuple(plain)
    nulls = sum(len(every) - len(keys) for keys in wanted.values())
    assert sum(record.notices.values()) == nulls


def test_a_default_of_null_is_a_value_unless_there_is_padding() -> None:
    meant = tool("look", at={**TEXT, "default": None})
    assert chat(USER, ANSWER, tools=[meant]).tools == (meant,)
    padded = tool("look", at={**TEXT, "default": None, "enum": None})
    record = chat(USER, ANSWER, tools=[padded])
    assert record.tools == (tool("look", at=TEXT),)
    assert noted(record) == [
        "2 nulls are left out of tool descriptions: padding, as tables write it"
    ]


def test_many_tools_take_no_time(timed: Any) -> None:
    many = [tool(f"f{i}", at=TEXT, room=None) for i in range(5000)]
    with timed(3):
        assert len(chat(USER, ANSWER, tools=many).tools or ()) == 5000
        assert len(chat(USER, ANSWER, tools=[json.dumps(one) for one in many]).tools or ()) == 5000
