"""Messages of every file's shape become those of one shape."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.data.reading.messages import KNOWN
from tests.data.lines_of import ANSWER, USER, chat, chat_refusal, noted, read, refusal


def says(role: str, value: str) -> dict[str, str]:
    return {"from": role, "value": value}


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("human", "user"),
        ("user", "user"),
        ("gpt", "assistant"),
        ("model", "assistant"),
        ("developer", "system"),
        ("observation", "tool"),
        ("tool_response", "tool"),
        ("function", "tool"),
        ("ipython", "tool"),
    ],
)
def test_roles_of_other_files(said: str, role: str) -> None:
    for keys in (("from", "value"), ("role", "content")):
        record = chat(dict(zip(keys, (said, "x"), strict=True)), USER, ANSWER)
        assert record.messages[0] == {"role": role, "content": "x"}


def test_a_share_gpt_call_is_a_tool_call() -> None:
    call = says("function_call", '{"name": "look", "arguments": {"at": "sky"}}')
    talk = [says("human", "look"), call, says("observation", "blue"), says("gpt", "It is blue.")]
    record = read({"conversations": talk}, chat_feature="conversations")
    assert [m["role"] for m in record.messages] == ["user", "assistant", "tool", "assistant"]
    (made,) = record.messages[1]["tool_calls"]
    assert made["function"] == {"name": "look", "arguments": {"at": "sky"}}
    assert record.messages[1]["content"] == ""


def test_calls_one_after_the_other_are_one_turn() -> None:
    calls = [{"role": "tool_call", "content": f'{{"name": "f{i}"}}'} for i in range(3)]
    record = chat(USER, *calls, {"role": "tool_response", "content": "1"}, ANSWER)
    assert [m["role"] for m in record.messages] == ["user", "assistant", "tool", "assistant"]
    names = [call["function"]["name"] for call in record.messages[1]["tool_calls"]]
    assert names == ["f0", "f1", "f2"]
    apart = chat(USER, {**calls[0], "loss": False}, {**calls[1], "loss": True})
    assert [m["weight"] for m in apart.messages[1:]] == [0, 1]


def test_a_call_that_is_none_is_named() -> None:
    said = chat_refusal(USER, {"role": "function_call", "content": "look!"})
    assert "message 2 (function_call) has the content 'look!', which holds broken JSON" in said


@pytest.mark.parametrize("contents", [("{}", "look!"), ("look!", "{}"), ("look!", "look!")])
def test_calls_one_after_the_other_may_be_broken(contents: tuple[str, str]) -> None:
    good = '{"name": "f"}'
    calls = [good if text == "{}" else text for text in contents]
    said = chat_refusal(USER, *({"role": "tool_call", "content": text} for text in calls))
    assert said.count("expected") == contents.count("look!")


def test_nulls_of_tables_are_no_keys() -> None:
    padded = dict.fromkeys(["tool_calls", "name", "weight", "thinking", "function_call", "id"])
    record = chat({**USER, **padded}, {**ANSWER, **padded, "from": None, "value": None})
    assert record.messages == (USER, ANSWER)
    assert record.message_keys == ()
    mixed = chat({"role": None, "content": None, "from": "human", "value": "hello"}, ANSWER)
    assert mixed.messages == (USER, ANSWER)


def test_a_late_system_message_and_a_greeting_first_are_read() -> None:
    record = chat(ANSWER, USER, {"role": "system", "content": "x"}, ANSWER)
    assert [m["role"] for m in record.messages] == ["assistant", "user", "system", "assistant"]


def test_a_tool_may_answer_nothing() -> None:
    empty = {"role": "tool", "content": ""}
    assert chat(USER, empty, ANSWER).messages == (USER, empty, ANSWER)


def test_messages_behind_the_last_answer_are_counted() -> None:
    assert noted(chat(USER, ANSWER)) == []
    (note,) = noted(chat(USER, ANSWER, USER, {"role": "tool", "content": "x"}))
    assert note.startswith("2 messages after the last answer")


def test_further_keys_stay_and_are_named() -> None:
    record = chat({**USER, "id": 7, "tags": []}, {**ANSWER, "score": 0.5, "name": "x"})
    assert record.messages[1]["score"] == 0.5
    assert record.message_keys == ("id", "score")
    assert not set(record.message_keys) & set(KNOWN)


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_parts_of_text_are_joined(kind: str) -> None:
    parts = [{"type": kind, "text": "hel", "image_url": None}, {"type": kind, "text": "lo"}]
    record = chat({**USER, "content": parts}, ANSWER)
    assert record.messages[0] == USER
    assert record.notices == {}
    (note,) = noted(chat({**USER, "content": [{**parts[0], "cache": 1}]}, ANSWER))
    assert note.startswith("1 part of a content has more keys")


@pytest.mark.parametrize("key", ["thinking", "reasoning"])
def test_reasoning_among_the_parts_is_reasoning(key: str) -> None:
    for inner in ("hm", [{"type": "text", "text": "hm"}]):
        parts = [{"type": key, key: inner}, {"type": "text", "text": "hi"}]
        record = chat(USER, {**ANSWER, "content": parts})
        assert record.messages[1] == {**ANSWER, "reasoning_content": "hm"}


@pytest.mark.parametrize(
    "part",
    ["a", 3, {}, {"type": "image"}, {"type": "text"}, {"type": "text", "text": 1}, {"type": ["a"]}],
)
def test_other_parts_are_refused(part: Any) -> None:
    assert "has a content part of type" in chat_refusal({**USER, "content": [part]}, ANSWER)


def test_many_messages_take_no_time(timed: Any) -> None:
    call = {"role": "function_call", "content": '{"name": "f", "arguments": {"a": "b"}}'}
    keys = [{**USER, f"key{i}": 1} for i in range(5000)]
    with timed(3):
        assert len(chat(*[USER, ANSWER] * 2500).messages) == 5000
        assert len(chat(*[call] * 5000).messages[0]["tool_calls"]) == 5000
        assert len(chat(*keys, ANSWER).message_keys) == 5000
        assert refusal({"messages": [{"role": "x"}] * 5000}).count("expected") == 5000
