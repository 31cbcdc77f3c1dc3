"""Columns beside those of a format, each used, refused or named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.lines_of import ANSWER, USER, chat, chat_refusal, noted, read, refusal

SYSTEM = {"role": "system", "content": "Be brief."}
ALPACA = {"instruction": "Translate.", "input": "Haus", "output": "house"}
AS_ALPACA = {"prompt_feature": "instruction,input", "completion_feature": "output"}


@pytest.mark.parametrize("name", ["system", "system_prompt"])
def test_a_system_column_is_the_first_message(name: str) -> None:
    assert chat(USER, ANSWER, **{name: "Be brief."}).messages == (SYSTEM, USER, ANSWER)
    talk = [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "hi"}]
    record = read({"conversations": talk, name: "Be brief."}, chat_feature="conversations")
    assert record.messages == (SYSTEM, USER, ANSWER)
    record = read({**ALPACA, name: "Be brief."}, **AS_ALPACA)
    assert record.messages[0] == SYSTEM
    assert record.prompt == "Be brief.\n\nTranslate.\n\nHaus"
    assert record.unread == ()


def test_a_system_column_and_a_system_message() -> None:
    assert chat(SYSTEM, USER, ANSWER, system="Be brief.\n").messages == (SYSTEM, USER, ANSWER)
    said = chat_refusal(SYSTEM, USER, ANSWER, system="Be long.")
    assert "a system column and another system message" in said
    assert "different texts" in chat_refusal(USER, ANSWER, system="a", system_prompt="b")
    assert "'system' is the number 3" in chat_refusal(USER, ANSWER, system=3)


@pytest.mark.parametrize("nothing", [None, "", " ", []])
def test_an_empty_system_column_is_nothing(nothing: Any) -> None:
    record = chat(USER, ANSWER, system=nothing)
    assert (record.messages, record.unread) == ((USER, ANSWER), ())


def test_a_column_that_is_named_is_what_the_name_says() -> None:
    columns = {"prompt_feature": "system,instruction", "completion_feature": "output"}
    record = read({"system": "a", "instruction": "b", "output": "c"}, **columns)
    assert record.prompt == "a\n\nb"
    assert record.messages[0] == {"role": "user", "content": "a\n\nb"}


def test_a_completion_has_messages_and_a_plain_form() -> None:
    record = read(
        {**ALPACA, "system": "Be brief.", "history": [["a", "b"], ["", "c"]]}, **AS_ALPACA
    )
    assert record.kind == "completion"
    assert [(m["role"], m["content"]) for m in record.messages] == [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "b"),
        ("assistant", "c"),
        ("user", "Translate.\n\nHaus"),
        ("assistant", "house"),
    ]
    assert record.prompt == "Be brief.\n\na\n\nb\n\nc\n\nTranslate.\n\nHaus"
    assert record.completion == "house"
    assert record.unread == ()


def test_a_history_of_messages() -> None:
    record = read({"prompt": "a", "completion": "b", "history": [USER, {**ANSWER, "weight": 0}]})
    assert record.messages[:2] == (USER, {**ANSWER, "weight": 0})


@pytest.mark.parametrize("turn", [["a"], ["a", None], ["a", 3], [3, "b"], "x", ["a", " "]])
def test_a_broken_turn_of_a_history_is_named(turn: Any) -> None:
    said = refusal({"prompt": "a", "completion": "b", "history": [["q", "a"], turn]})
    assert "turn 2 of 'history'" in said


@pytest.mark.parametrize("history", ["once upon a time", ["a", "b"], {"a": 1}, [[1, 2, 3]]])
def test_another_history_is_a_column_that_nothing_reads(history: Any) -> None:
    assert read({"prompt": "a", "completion": "b", "history": history}).unread == ("history",)
    assert chat(USER, ANSWER, history=[["a", "b"]]).unread == ("history",)


def test_columns_that_nothing_reads_are_named() -> None:
    more = {"id": 0, "source": "x", "none": None, "empty": "", "list": [], "object": {}}
    for record in (
        chat(USER, ANSWER, **more),
        read({"prompt": "a", "completion": "b", **more}),
        read({"text": "a", **more}),
        read({**ALPACA, **more}, **AS_ALPACA),
    ):
        assert record.unread == ("id", "source")
    other = read({"text": "a", "system": "b", "chat_template_kwargs": {"a": 1}})
    assert other.unread == ("chat_template_kwargs", "system")


def test_variables_of_the_template() -> None:
    record = chat(USER, ANSWER, chat_template_kwargs={"enable_thinking": False, "other": None})
    assert record.options == {"enable_thinking": False}
    as_text = chat(USER, ANSWER, chat_template_kwargs='{"enable_thinking": true}')
    assert as_text.options == {"enable_thinking": True}
    assert chat(USER, ANSWER, chat_template_kwargs=None).options == {}
    assert "is an array of 1" in chat_refusal(USER, ANSWER, chat_template_kwargs=[1])
    assert "sets 'tokenize'" in chat_refusal(USER, ANSWER, chat_template_kwargs={"tokenize": 1})


def test_a_prompt_of_messages_is_shown_and_not_trained() -> None:
    untrained = {**ANSWER, "weight": 0}
    expected = (SYSTEM, USER, untrained, USER, ANSWER)
    for prompt in ([SYSTEM, USER, ANSWER, USER], [SYSTEM, USER, untrained, USER]):
        for completion in ([ANSWER], ANSWER, "hi"):
            record = read({"prompt": prompt, "completion": completion, "id": 1})
            assert (record.kind, record.messages) == ("chat", expected)
            assert record.unread == ("id",)
    said = read({"prompt": [USER, {**ANSWER, "weight": 1}, USER], "completion": "hi"})
    assert said.messages[1] == {**ANSWER, "weight": 1}
    assert read({"prompt": "hello", "completion": [ANSWER]}).messages == (USER, ANSWER)


def test_a_completion_of_messages_has_an_answer() -> None:
    assert "no assistant turn" in refusal({"prompt": [USER], "completion": [USER]})
    assert "no 'completion'" in refusal({"prompt": [USER]})
    assert "'completion' is an empty array" in refusal({"prompt": [USER], "completion": []})
    mixed = {"q": [USER], "more": "x", "a": "b"}
    assert "'q' is an array of 1" in refusal(mixed, prompt_feature="q,more", completion_feature="a")


def test_a_turn_behind_the_completion_is_counted() -> None:
    (note,) = noted(read({"prompt": [USER], "completion": [ANSWER, USER]}))
    assert note.startswith("1 message after the last answer")


def test_missing_columns_of_a_prompt_are_empty() -> None:
    record = read({"instruction": "Say hello.", "output": "Hello."}, **AS_ALPACA)
    assert (record.prompt, record.absent) == ("Say hello.", ("input",))
    assert read({"input": "x", "output": "y"}, **AS_ALPACA).prompt == "x"
    said = refusal({"output": "y"}, **AS_ALPACA)
    assert "neither 'instruction' and 'input'" in said
