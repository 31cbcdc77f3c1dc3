"""What counts as right: the answer alone, and calls as calls."""

from __future__ import annotations

from typing import Any

from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.evaluation.replies import compared, reply_to
from shadow_mlx.generation.asking import Asker, Question
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talks import GO, LOOK


def asked(family: str, answer: dict[str, Any]) -> tuple[Asker, Question]:
    asker = Asker(ChatFormat(tokenizer_of(family)))
    messages = ({"role": "user", "content": "hi"}, {"role": "assistant", **answer})
    question = asker.question_of(Record("chat", 1, messages=messages, tools=(LOOK, GO)))
    assert question is not None
    return asker, question


def test_thoughts_are_no_part_of_an_answer() -> None:
    asker, question = asked("qwen3", {"content": "four", "reasoning_content": "2 + 2"})
    assert compared(question) == question.expected == "four"
    for text in ("<think>\nother\n</think>\n\nfour", "<think>\n\n</think>\n\nfour", "four\n"):
        assert reply_to(question, text, asker).pair.same
    assert not reply_to(question, "<think>\nfour\n</think>\n\nfive", asker).pair.same
    reply = reply_to(question, "<think>\nfour", asker)
    assert (reply.pair.same, reply.unfinished, reply.reasoning) == (False, True, "four")


def test_calls_are_compared_as_calls() -> None:
    function = {"name": "look", "arguments": {"at": "sky", "times": 2}}
    answer = {"content": "", "tool_calls": [{"type": "function", "function": function}]}
    asker, question = asked("qwen2.5", answer)
    assert question.calls == (("look", {"at": "sky", "times": 2}),)
    start, end = "<tool_call>", "</tool_call>"
    other_order = '{"arguments": {"times": 2, "at": "sky"}, "name": "look"}'
    assert reply_to(question, f"Well.\n{start}{other_order}{end}", asker).pair.same
    for wrong in (
        other_order.replace("2", "3"),
        other_order.replace("look", "go"),
        f"{other_order}{end}{start}{other_order}",
    ):
        assert not reply_to(question, f"{start}{wrong}{end}", asker).pair.same
    assert not reply_to(question, "no call", asker).pair.same


def test_calls_of_an_unknown_form_are_compared_as_text() -> None:
    function = {"name": "look", "arguments": {"at": "sky"}}
    asker, question = asked("seed-oss", {"content": "", "tool_calls": [{"function": function}]})
    assert question.calls == ()
    assert "<function=look>" in question.expected
    assert reply_to(question, question.expected, asker).pair.same
    assert not reply_to(question, question.expected.replace("sky", "sea"), asker).pair.same
