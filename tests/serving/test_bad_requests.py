"""A hundred kinds of bad requests: each is answered with what is wrong, and nothing is computed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.serving.conftest import Running

HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


def chat(**changes: Any) -> dict[str, Any]:
    return {"model": "MODEL", "messages": HELLO, "max_tokens": 4, **changes}


def text(**changes: Any) -> dict[str, Any]:
    return {"model": "MODEL", "prompt": "ab", "max_tokens": 4, **changes}


def said(message: Any) -> dict[str, Any]:
    return chat(messages=[*HELLO, message])


def schema(value: Any, **more: Any) -> dict[str, Any]:
    inside = {"name": "x", "schema": value, **more}
    return chat(response_format={"type": "json_schema", "json_schema": inside})


BODIES: list[tuple[Any, str | None]] = [
    # no object
    (b"", None),
    (b"{", None),
    (b"{'model': 1}", None),
    (b"\xff\xfe{}", None),
    (b"\0", None),
    (b'{"model": NaN}', None),
    (b'{"temperature": 1e999}', None),
    (b'{"model": "a", "model": "b"}', None),
    (b'{"model": "\\ud800"}', None),
    (b"[" * 2000 + b"]" * 2000, None),
    ([], None),
    ("hello", None),
    (3, None),
    (None, None),
    # the model
    ({}, "model"),
    (chat(model=None), "model"),
    (chat(model=""), "model"),
    (chat(model=7), "model"),
    (chat(model=["MODEL"]), "model"),
    # messages
    ({"model": "MODEL"}, "messages"),
    (chat(messages=None), "messages"),
    (chat(messages=[]), "messages"),
    (chat(messages="hello"), "messages"),
    (chat(messages=[3]), "messages"),
    (chat(messages=[{}]), "messages"),
    (said({"role": "user"}), "messages"),
    (said({"content": "hello"}), "messages"),
    (said({"role": "wizard", "content": "hello"}), "messages"),
    (said({"role": 3, "content": "hello"}), "messages"),
    (said({"role": "user", "content": 3}), "messages"),
    (said({"role": "user", "content": {"text": "hello"}}), "messages"),
    (said({"role": "user", "content": ""}), "messages"),
    (said({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}), "messages"),
    (said({"role": "user", "content": [{"type": "text"}]}), "messages"),
    (said({"role": "user", "content": [3]}), "messages"),
    (said({"role": "user", "content": "x", "tool_calls": [TOOL]}), "messages"),
    (said({"role": "assistant", "tool_calls": [{"function": {}}]}), "messages"),
    (said({"role": "assistant", "tool_calls": "nothing"}), "messages"),
    (
        said({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}),
        "messages",
    ),
    (
        said({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "3"}}]}),
        "messages",
    ),
    # numbers
    (chat(max_tokens=0), "max_tokens"),
    (chat(max_tokens=-1), "max_tokens"),
    (chat(max_tokens=1.5), "max_tokens"),
    (chat(max_tokens="4"), "max_tokens"),
    (chat(max_tokens=True), "max_tokens"),
    (chat(max_tokens=10**6), "max_tokens"),
    (chat(max_completion_tokens=0), "max_completion_tokens"),
    (chat(max_completion_tokens=5), "max_tokens"),
    (chat(temperature=-0.1), "temperature"),
    (chat(temperature=2.1), "temperature"),
    (chat(temperature="hot"), "temperature"),
    (chat(temperature=True), "temperature"),
    (chat(top_p=1.1), "top_p"),
    (chat(top_p=-1), "top_p"),
    (chat(top_p=[]), "top_p"),
    (chat(top_k=-1), "top_k"),
    (chat(min_p=2), "min_p"),
    (chat(repetition_penalty=0), "repetition_penalty"),
    (chat(presence_penalty=3), "presence_penalty"),
    (chat(frequency_penalty=-2.5), "frequency_penalty"),
    (chat(seed="x"), "seed"),
    (chat(seed=2**70), "seed"),
    (chat(seed=0.5), "seed"),
    (chat(n=0), "n"),
    (chat(n=17), "n"),
    (chat(n="2"), "n"),
    # other fields
    (chat(stream="yes"), "stream"),
    (chat(stream_options={"include_usage": True}), "stream_options"),
    (chat(stream=True, stream_options=3), "stream_options"),
    (chat(stream=True, stream_options={"include": True}), "stream_options.include"),
    (
        chat(stream=True, stream_options={"include_usage": 1}),
        "stream_options.include_usage",
    ),
    (chat(stop=3), "stop"),
    (chat(stop=""), "stop"),
    (chat(stop=["a", ""]), "stop"),
    (chat(stop=["a", 3]), "stop"),
    (chat(stop=["x" * 2000]), "stop"),
    (chat(stop=[str(i) for i in range(17)]), "stop"),
    (chat(logprobs=3), "logprobs"),
    (chat(top_logprobs=3), "top_logprobs"),
    (chat(logprobs=True, top_logprobs=21), "top_logprobs"),
    (chat(logit_bias=[1]), "logit_bias"),
    (chat(logit_bias={"x": 1}), "logit_bias"),
    (chat(logit_bias={"1": "x"}), "logit_bias"),
    (chat(logit_bias={"1": 101}), "logit_bias"),
    (chat(logit_bias={"99999": 1}), "logit_bias"),
    (chat(tools={}), "tools"),
    (chat(tools=[3]), "tools[0]"),
    (chat(tools=[{"type": "web"}]), "tools[0].type"),
    (chat(tools=[{"type": "function"}]), "tools[0].function"),
    (chat(tools=[TOOL, {"type": "function", "function": {"name": 3}}]), "tools[1].function"),
    (
        chat(tools=[{"type": "function", "function": {"name": "f", "parameters": 3}}]),
        "tools[0].function.parameters",
    ),
    (chat(tools=[TOOL], tool_choice="required"), "tool_choice"),
    (chat(tools=[TOOL], tool_choice=TOOL), "tool_choice"),
    (chat(tools=[TOOL], parallel_tool_calls=1), "parallel_tool_calls"),
    (chat(functions=[]), "functions"),
    (chat(function_call="auto"), "function_call"),
    (chat(audio={"voice": "x"}), "audio"),
    (chat(modalities=["audio"]), "modalities"),
    (chat(prediction={"type": "content"}), "prediction"),
    (chat(chat_template_kwargs=3), "chat_template_kwargs"),
    (chat(chat_template_kwargs={"chat_template": "x"}), "chat_template_kwargs"),
    (chat(reasoning_effort=3), "reasoning_effort"),
    (chat(max_token=3), "max_token"),
    (chat(prompt="x"), "prompt"),
    # a form of the answer
    (chat(response_format="json"), "response_format"),
    (chat(response_format={}), "response_format.type"),
    (chat(response_format={"type": "xml"}), "response_format.type"),
    (chat(response_format={"type": "text", "more": 1}), "response_format.more"),
    (chat(response_format={"type": "json_schema"}), "response_format.json_schema"),
    (schema(None), "response_format.json_schema.schema"),
    (schema({}, strict=3), "response_format.json_schema.strict"),
    (schema({"type": "nonsense"}), "response_format"),
    (schema({"type": "object", "not": {"type": "string"}}), "response_format"),
    (schema({"$ref": "https://example.com/schema.json"}), "response_format"),
    (schema({"type": "string", "pattern": "("}), "response_format"),
]
TEXTS: list[tuple[Any, str | None]] = [
    ({"model": "MODEL"}, "prompt"),
    (text(prompt=""), "prompt"),
    (text(prompt=[]), "prompt"),
    (text(prompt=3), "prompt"),
    (text(prompt=["a", 3]), "prompt"),
    (text(prompt=[[]]), "prompt"),
    (text(prompt=[-1]), "prompt"),
    (text(prompt=[10**6]), "prompt"),
    (text(prompt=["a"] * 17), "prompt"),
    (text(prompt=["a"] * 9, n=2), "n"),
    (text(logprobs=6), "logprobs"),
    (text(logprobs=True), "logprobs"),
    (text(echo=True), "echo"),
    (text(suffix="x"), "suffix"),
    (text(best_of=2), "best_of"),
    (text(messages=HELLO), "messages"),
    (text(response_format={"type": "json_object"}), "response_format"),
    (text(tools=[TOOL]), "tools"),
]
KINDS = [(CHAT, *one) for one in BODIES] + [(TEXT, *one) for one in TEXTS]


def test_they_are_a_hundred_kinds() -> None:
    shown = [json.dumps(body, default=repr) + path for path, body, _ in KINDS]
    assert len(set(shown)) == len(shown) > 100


@pytest.mark.parametrize(("path", "body", "param"), KINDS)
def test_what_is_wrong_is_said(running: Running, path: str, body: Any, param: str | None) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    before = running.server.service.metrics.value("generated_tokens_total")
    got = running.post(raw.replace(b"MODEL", running.names[0].encode()), path)
    error = got.json["error"]
    assert got.status == 400, error
    assert error["param"] == param, error
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert running.server.service.metrics.value("generated_tokens_total") == before
    assert running.server.service.scheduler.gauges["answers_running"] == 0


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=b", 415),
        ({}, b"{}", 415),
        ({"Content-Type": "application/json", "Content-Length": "x"}, b"", 400),
        ({"Content-Type": "application/json", "Content-Length": "-1"}, b"", 400),
        ({"Content-Type": "application/json", "Transfer-Encoding": "chunked"}, b"0\r\n\r\n", 411),
        ({"Content-Type": "application/json", "Content-Length": str(1 << 40)}, b"", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    running: Running, headers: dict[str, str], body: bytes, status: int
) -> None:
    got = running.fetch("POST", CHAT, body, headers)
    assert (got.status, got.json["error"]["type"]) == (status, "invalid_request_error")


def test_another_model_is_not_found(running: Running) -> None:
    for name in ("nobody", "../../etc", running.names[0] + ":other", running.names[0].upper()):
        got = running.post(chat(model=name))
        assert (got.status, got.json["error"]["code"]) == (404, "model_not_found")


def test_a_prompt_beyond_the_limit_is_refused(running: Running) -> None:
    got = running.post(
        {"model": running.names[0], "prompt": "long " * 20000, "max_tokens": 1}, TEXT
    )
    assert (got.status, got.json["error"]["code"]) == (400, "context_length_exceeded")
