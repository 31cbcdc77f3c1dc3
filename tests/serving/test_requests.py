"""What a good request asks for; the bad ones are in ``test_bad_requests``."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.config import SamplingConfig
from shadow_mlx.serving.problems import RequestError
from shadow_mlx.serving.requests import Asked, Chat, read_request

DEFAULTS = SamplingConfig(max_tokens=300, temp=0.7, top_p=0.8, seed=3)
HELLO = [{"role": "user", "content": "hello"}]


def chat(**fields: Any) -> Asked:
    return read_request({"model": "m", "messages": HELLO, **fields}, "chat", DEFAULTS, 1000)


def text(**fields: Any) -> Asked:
    return read_request({"model": "m", "prompt": "ab", **fields}, "completions", DEFAULTS, 1000)


def test_what_is_left_out_is_the_server_s() -> None:
    asked = chat()
    assert asked.sampling == DEFAULTS
    assert asked == Asked("chat", "m", (Chat(tuple(HELLO)),), DEFAULTS)
    assert text().sampling.max_tokens == 16


def test_what_is_said_counts() -> None:
    asked = chat(
        max_completion_tokens=7, temperature=1, top_p=0.5, top_k=4, min_p=0.1, seed=-1, n=2,
        stop="x", stream=True, stream_options={"include_usage": True}, presence_penalty=1,
        frequency_penalty=-1, logit_bias={"5": -100}, logprobs=True, top_logprobs=2, user="me",
    )  # fmt: skip
    sampling = asked.sampling
    assert (sampling.max_tokens, sampling.temp, sampling.top_p, sampling.top_k) == (7, 1.0, 0.5, 4)
    assert (sampling.min_p, sampling.seed) == (0.1, 2**64 - 1)
    assert (asked.choices, asked.stop, asked.stream, asked.usage) == (2, ("x",), True, True)
    assert (asked.presence_penalty, asked.frequency_penalty) == (1.0, -1.0)
    assert (asked.logit_bias, asked.top_logprobs) == ({5: -100.0}, 2)


@pytest.mark.parametrize("fields", [{"temperature": 0}, {"temperature": 1e-9}, {"top_p": 0}])
def test_the_coldest_is_greedy(fields: dict[str, Any]) -> None:
    assert chat(**fields).sampling.temp == 0


def test_scores_are_asked_for_in_two_ways() -> None:
    assert chat(logprobs=True).top_logprobs == 0
    assert chat(logprobs=False).top_logprobs is None
    assert (text(logprobs=0).top_logprobs, text().top_logprobs) == (0, None)


def test_prompts_are_texts_or_tokens_one_or_several() -> None:
    assert text(prompt="a").prompts == ("a",)
    assert text(prompt=["a", "b"]).prompts == ("a", "b")
    assert text(prompt=[1, 2]).prompts == ((1, 2),)
    assert text(prompt=[[1], [2, 3]]).prompts == ((1,), (2, 3))


def test_a_conversation_is_as_templates_take_it() -> None:
    talk = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": t} for t in ("he", "y")]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
        {"role": "tool", "tool_call_id": "1", "content": "2"},
    ]  # fmt: skip
    tool = {"type": "function", "function": {"name": "f"}}
    (prompt,) = chat(messages=talk, tools=[tool], parallel_tool_calls=False).prompts
    assert isinstance(prompt, Chat)
    assert [m["role"] for m in prompt.messages] == ["system", "user", "assistant", "tool"]
    assert prompt.messages[1]["content"] == "hey"
    assert prompt.messages[2]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert (prompt.tools, prompt.one_call) == ((tool,), True)
    (without,) = chat(tools=[tool], tool_choice="none").prompts
    assert isinstance(without, Chat)
    assert without.tools == ()
    (told,) = chat(chat_template_kwargs={"a": 1}, reasoning_effort="low").prompts
    assert isinstance(told, Chat)
    assert told.variables == {"reasoning_effort": "low", "a": 1}


def test_the_form_of_an_answer_is_a_schema() -> None:
    assert chat(response_format={"type": "text"}).schema is None
    assert chat(response_format={"type": "json_object"}).schema == {"type": "object"}
    given = {"type": "array"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": given}}
    assert chat(response_format=form).schema == given


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(RequestError, match="unrecognized request argument: 'temprature'"):
        chat(temprature=1)
