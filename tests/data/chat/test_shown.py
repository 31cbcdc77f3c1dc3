"""What a template leaves out is told, however short and common the words are."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.chat.shown import shows_all
from shadow_mlx.data.chat.signs import signed
from shadow_mlx.data.reading.notices import UNSHOWN_REASONING, left_out
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.data.tokens import Encoder, Whole
from tests.data.families.tokenizers_of import tokenizer_of

HI = {"role": "user", "content": "hi"}


def encoded(name: str, *messages: Any, tools: Any = None) -> Whole:
    encoder = Encoder(tokenizer_of(name))
    (whole,) = encoder.encode_many([Record("chat", 1, messages=messages, tools=tools)])
    return whole


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"id": "call00000", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize("thoughts", ["hi", "is", "a long and thorough thought"])
def test_a_reasoning_that_is_a_part_of_the_words(thoughts: str) -> None:
    answer = {"role": "assistant", "content": "this", "reasoning_content": thoughts}
    for name, lost in (("llama3", 1), ("chatml", 1), ("qwen3", 0), ("gpt-oss", 0)):
        assert encoded(name, HI, answer).notices[UNSHOWN_REASONING] == lost


def test_one_of_two_reasonings_is_lost() -> None:
    answer = {"role": "assistant", "content": "<think>\nhi\n</think>\n\nthis"}
    assert encoded("chatml", HI, answer).notices[UNSHOWN_REASONING] == 0
    both = {**answer, "reasoning_content": "hi"}
    assert encoded("chatml", HI, both).notices[UNSHOWN_REASONING] == 1
    assert encoded("qwen3", HI, both).notices[UNSHOWN_REASONING] == 0


@pytest.mark.parametrize("words", ["a", "name", "look", "the sky as it is today"])
def test_words_beside_a_call_that_are_parts_of_it(words: str) -> None:
    answer = {"role": "assistant", "content": words, "tool_calls": [call("look", at="a name")]}
    assert "leaves out the words of message 2" in str(encoded("llama3.1", HI, answer).refusal)
    assert encoded("qwen2.5", HI, answer).refusal is None


def test_a_second_call_whose_name_is_a_part_of_the_first() -> None:
    calls = [call("look_up", at="is it"), call("look", at="it")]
    answer = {"role": "assistant", "content": "", "tool_calls": calls}
    assert "call 2 of 2 in message 2" in str(encoded("gpt-oss", HI, answer).refusal)
    assert encoded("qwen2.5", HI, answer).refusal is None


def test_an_answer_that_stands_in_the_markup() -> None:
    with pytest.raises(TemplateError, match="leaves out the words of message 2"):
        Encoder(tokenizer_of("parts-only")).encode(
            Record("chat", 1, messages=(HI, {"role": "assistant", "content": "end"}))
        )


@pytest.mark.parametrize("words", ["hi", "user", "Be kind to everyone."])
def test_roles_that_a_prompt_does_not_show(words: str) -> None:
    said = {"role": "assistant", "content": "Yes."}
    late = [HI, said, {"role": "system", "content": words}, HI, said]
    assert encoded("command-r", *late).notices[left_out("system")] == 1
    assert encoded("chatml", *late).notices[left_out("system")] == 0


def test_results_as_json_are_shown() -> None:
    result = {"role": "tool", "content": '```\n"é"\n```'}
    asked = {"role": "assistant", "content": "", "tool_calls": [call("look", at="it")]}
    said = {"role": "assistant", "content": "Yes."}
    for name in ("gpt-oss", "llama3.1"):
        assert encoded(name, HI, asked, result, said).notices[left_out("tool")] == 0


def test_each_part_of_a_message_has_a_sign_of_its_own() -> None:
    message = {
        **{"role": "assistant", "content": "<think><</think>so", "reasoning_content": "why"},
        "tool_calls": [{**call("look", at=["it", 1, {"deep": "down"}]), "id": "functions.look:0"}],
    }
    made = signed(message)
    assert made.words is not None
    first, second = made.thoughts
    assert made.message["content"] == f"<think>{first}</think>{made.words}"
    assert made.message["reasoning_content"] == second
    ((name, it, down),) = made.calls
    assert made.message["tool_calls"] == [
        {**call(name, at=[it, 1, {"deep": down}]), "id": f"functions.{name}:0"}
    ]
    assert len({made.words, first, second, name, it, down}) == 6


LONG = "The robot waits in the hall."
OTHER = "Bring two red cups to the kitchen."


@pytest.mark.parametrize(
    ("said", "shown", "enough"),
    [
        ([LONG, OTHER], [LONG, OTHER], True),
        ([LONG, OTHER], [OTHER, LONG], False),
        ([LONG, OTHER], [OTHER], False),
        ([LONG, f"{OTHER} {LONG}"], [f"{OTHER} {LONG}"], False),
        ([LONG, f"{LONG} {OTHER}"], [f"{LONG} {OTHER}"], False),
        ([LONG, LONG], [LONG], False),
        ([LONG, LONG], [LONG, LONG], True),
        ([f"{OTHER} {LONG}", LONG], [f"{OTHER} {LONG}"], False),
        ([LONG, "hi"], [LONG, "hi"], False),  # a short one may stand anywhere
        ([LONG, ""], [LONG], False),
        ([f"  {LONG}\n", OTHER], [LONG, OTHER], True),  # templates trim
        ([], [LONG], True),
    ],
)
def test_words_alone_are_enough_where_nothing_can_deceive(
    said: list[str], shown: list[str], enough: bool
) -> None:
    roles = ["system", *["user"] * len(said)]
    messages = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    assert shows_all(messages, f"<|start|>{'<|end|><|start|>'.join(shown)}<|end|>") is enough


def test_a_call_and_a_reasoning_are_looked_at_by_their_signs() -> None:
    for more in ({"tool_calls": [call("look")]}, {"reasoning_content": OTHER}):
        assert not shows_all([{"role": "assistant", "content": LONG, **more}], LONG + OTHER)
