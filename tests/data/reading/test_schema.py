"""One line to one record, and every way in which a line can be wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.reading.schema import InvalidLineError, parse

USER = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "hi"}


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


def findings(raw: bytes) -> str:
    with pytest.raises(InvalidLineError) as caught:
        parse(raw, 1)
    return str(caught.value)


def test_the_three_formats() -> None:
    record = parse(line({"messages": [USER, ANSWER], "id": 7}), 3)
    assert (record.kind, record.line, record.messages) == ("chat", 3, (USER, ANSWER))
    record = parse(line({"prompt": "a", "completion": "b"}), 1)
    assert (record.kind, record.prompt, record.completion) == ("completion", "a", "b")
    record = parse(line({"text": "a"}), 1)
    assert (record.kind, record.text) == ("text", "a")


def test_messages_come_before_other_keys() -> None:
    record = parse(line({"prompt": "a", "text": "b", "messages": [USER, ANSWER]}), 1)
    assert record.kind == "chat"


def test_messages_are_made_plain() -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    call = {"id": "1", "function": {"name": "look", "arguments": '{"at": 1}'}}
    value = {
        "messages": [
            {"role": "developer", "content": "be kind"},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "", "tool_call_id": "1"},
            {**ANSWER, "reasoning_content": "hm", "weight": 1},
        ],
        "tools": [{"type": "function", "function": {"name": "look"}}],
    }
    record = parse(line(value), 1)
    assert record.messages[0]["role"] == "system"
    assert record.messages[1]["content"] == "hello"
    assert record.messages[2]["content"] == ""
    function = {"name": "look", "arguments": {"at": 1}}
    assert record.messages[2]["tool_calls"] == [
        {"type": "function", "id": "1", "function": function}
    ]
    assert record.messages[4]["reasoning_content"] == "hm"
    assert record.tools == tuple(value["tools"])


def chat(*messages: Any, **more: Any) -> bytes:
    return line({"messages": list(messages), **more})


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"text": "a"', "broken JSON (Expecting ',' delimiter at column 13)"),
        (b"hello", "broken JSON"),
        (b'{"text": "a"} {"text": "b"}', "broken JSON (Extra data at column 15)"),
        (b'{"text": "\xff"}', "the byte 0xff at position 11, which is not UTF-8"),
        (b"[1, 2]", "an array of 2 (a JSON array? write one object a line)"),
        (b"3", "the number 3"),
        (b"null", "null"),
        (b'{"text": NaN}', "found NaN, which JSON does not have; expected a number"),
        (b'{"text": -Infinity}', "-Infinity, which JSON does not have"),
        (b"[" * 200_000, "JSON nested too deeply"),
        (b'{"text": ' + b"1" * 5000 + b"}", "a number of thousands of digits"),
        (rb'{"text": "\ud83d"}', "half of a surrogate pair"),
        (b"{}", "an empty object"),
        (line({"instruction": "a"}), "an object with the keys 'instruction'"),
        (line({"conversations": []}), "--chat-feature conversations"),
        (line({"prompt": "a"}), "no 'completion'"),
        (line({"prompt": "a", "completion": ""}), "'completion' is empty"),
        (line({"prompt": 1, "completion": "b"}), "'prompt' is the number 1"),
        (line({"text": "  \n"}), "'text' is empty"),
        (line({"text": None}), "'text' is null"),
        (line({"messages": []}), "'messages' is an empty array"),
        (line({"messages": "hi"}), "'messages' is 'hi'"),
        (chat(USER), "no assistant turn"),
        (chat(USER, "hi"), "message 2 is 'hi'"),
        (chat({"content": "a"}, ANSWER), "message 1: no 'role'"),
        (chat({**USER, "role": "narrator"}, ANSWER), "message 1 has the role 'narrator'"),
        (chat({**USER, "role": ["user"]}, ANSWER), "message 1 has the role an array of 1"),
        (chat(USER, {**ANSWER, "content": ""}), "message 2 (assistant) has empty content"),
        (chat({**USER, "content": " "}, ANSWER), "message 1 (user) has empty content"),
        (chat({"role": "user"}, ANSWER), "message 1 (user) has no 'content'"),
        (chat({**USER, "content": 3}, ANSWER), "message 1 has the content the number 3"),
        (chat({**USER, "content": None}, ANSWER), "message 1 has the content null"),
        (chat({**USER, "content": [{"type": "image_url"}]}, ANSWER), "part of type 'image_url'"),
        (chat({**USER, "content": ["a"]}, ANSWER), "part of type 'a'"),
        (chat(USER, {**ANSWER, "weight": 0.5}), "message 2 has the weight the number 0.5"),
        (chat({**USER, "weight": 1}, ANSWER), "message 1 ('user') has the weight the number 1"),
        (
            chat({**USER, "tool_calls": [{"name": "x"}]}, ANSWER),
            "message 1 (user) has 'tool_calls'",
        ),
        (chat(USER, {**ANSWER, "tool_calls": {}}), "'tool_calls' is an empty object"),
        (chat(USER, {**ANSWER, "tool_calls": [{"id": "1"}]}), "has the tool call"),
        (
            chat(USER, {**ANSWER, "tool_calls": [{"name": "x", "arguments": "{"}]}),
            "has the tool-call arguments '{'",
        ),
        (chat(USER, ANSWER, tools={"a": 1}), "'tools' is an object with the keys 'a'"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, found: str) -> None:
    text = findings(raw)
    assert found in text
    assert text.count("found") == text.count("expected") == 1
    assert len(text) < 400


def test_all_problems_of_a_line_come_together() -> None:
    text = findings(chat({**USER, "role": "bot"}, {**ANSWER, "content": ""}, 5))
    assert text.count("expected") == 3


def test_found_values_cannot_control_a_terminal() -> None:
    text = findings(chat({**USER, "role": "\x1b[2Jbot\u202e\n"}, ANSWER))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n" not in text


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["user"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("messages", "role", "content", "tool_calls", "function", "name", "type"),
                    *("arguments", "prompt", "completion", "text", "tools", "weight"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def outcome(raw: bytes) -> str:
    """The record's kind, or "refused" (with at least one finding)."""
    try:
        return parse(raw, 1).kind
    except InvalidLineError as error:
        return "refused" if error.findings else "refused without a reason"


@settings(max_examples=120, deadline=None)
@given(anything)
def test_any_json_is_a_record_or_a_list_of_findings(value: Any) -> None:
    assert outcome(line(value)) in ("chat", "completion", "text", "refused")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_record_or_a_list_of_findings(raw: bytes) -> None:
    assert outcome(raw) == "refused"
