"""One line to one record, and every way in which a line can be wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shadow_mlx.data.reading.schema import parse
from tests.data.lines_of import ANSWER, USER, chat_refusal, read, refusal


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


def messages(*said: Any, **more: Any) -> bytes:
    return line({"messages": list(said), **more})


def test_the_four_formats() -> None:
    record = parse(line({"messages": [USER, ANSWER], "id": 7}), 3)
    assert (record.kind, record.line, record.messages) == ("chat", 3, (USER, ANSWER))
    record = read({"prompt": "a", "completion": "b"})
    assert (record.kind, record.prompt, record.completion) == ("completion", "a", "b")
    record = read({"text": "a"})
    assert (record.kind, record.text) == ("text", "a")
    record = read({"text": "a", "label": "b"})
    assert (record.kind, record.text, record.labels) == ("label", "a", ("b",))


def test_messages_come_before_other_keys() -> None:
    assert read({"prompt": "a", "text": "b", "messages": [USER, ANSWER]}).kind == "chat"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"text": "a"', "broken JSON (Expecting ',' delimiter at column 13)"),
        (b'{"text": "a"} {"text": "b"}', "broken JSON (Extra data at column 15)"),
        (b"[1, 2]", "an array of 2 (a JSON array? write one object a line)"),
        (b"3", "the number 3"),
        (b"null", "null"),
        (b'{"text": NaN}', "found NaN, which JSON does not have; expected a number"),
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
        (messages(USER), "no assistant turn"),
        (messages(USER, "hi"), "message 2 is 'hi'"),
        (messages({"content": "a"}, ANSWER), "message 1: no 'role'"),
        (messages({**USER, "role": "narrator"}, ANSWER), "message 1 has the role 'narrator'"),
        (messages({**USER, "role": ["user"]}, ANSWER), "message 1 has the role an array of 1"),
        (messages(USER, {**ANSWER, "content": ""}), "message 2 (assistant) has empty content"),
        (messages({**USER, "content": " "}, ANSWER), "message 1 (user) has empty content"),
        (messages({"role": "user"}, ANSWER), "message 1 (user) has no 'content'"),
        (messages({**USER, "content": 3}, ANSWER), "message 1 has the content the number 3"),
        (messages({**USER, "content": None}, ANSWER), "message 1 has the content null"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, found: str) -> None:
    text = refusal(raw)
    assert found in text
    assert text.count("found") == text.count("expected") == 1
    assert len(text) < 400


def test_all_problems_of_a_line_come_together() -> None:
    text = chat_refusal({**USER, "role": "bot"}, {**ANSWER, "content": ""}, 5)
    assert text.count("expected") == 3


def test_found_values_cannot_control_a_terminal() -> None:
    text = chat_refusal({**USER, "role": "\x1b[2Jbot\u202e\n"}, ANSWER)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n" not in text
