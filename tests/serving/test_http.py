"""The server as OpenAI's own client sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import openai
import pytest

from shadow_mlx import loading
from shadow_mlx.config import MODES, Mode
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.generation.decode import Answer
from tests.serving.conftest import Running, Serve, wait_for

Alone = Callable[..., Answer]


def name_of(running: Running, which: int, mode: Mode) -> str:
    return running.names[which] + ("" if mode == "attached" else f":{mode}")


def ask(running: Running, text: str, model: str | None = None, **options: Any) -> Any:
    return running.client.chat.completions.create(
        model=model or running.names[0],
        messages=[{"role": "user", "content": text}],
        **{"max_tokens": 12, **options},
    )


def test_the_models_are_listed(running: Running) -> None:
    listed = [one.id for one in running.client.models.list()]
    assert listed == [name_of(running, which, mode) for which in (0, 1) for mode in MODES]
    one = running.client.models.retrieve(listed[1])
    assert (one.id, one.owned_by) == (listed[1], "shadow-mlx")
    with pytest.raises(openai.NotFoundError, match="there is no 'nobody' here"):
        running.client.models.retrieve("nobody")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("which", [0, 1])
def test_each_model_answers_as_it_does_alone(
    running: Running, alone: Alone, which: int, mode: Mode
) -> None:
    expected = alone("hello", which, mode, max_tokens=12)
    answer = ask(running, "hello", name_of(running, which, mode))
    assert answer.choices[0].message.content == expected.text
    assert answer.choices[0].finish_reason == expected.finish_reason
    assert answer.usage.prompt_tokens == expected.prompt_tokens
    assert answer.usage.completion_tokens == len(expected.tokens)
    assert answer.usage.total_tokens == expected.context_tokens
    assert answer.object == "chat.completion"


def test_a_stream_says_the_same(running: Running, alone: Alone) -> None:
    stream = ask(running, "hello", stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    words = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    expected = alone("hello", max_tokens=12)
    assert words == expected.text
    assert len(chunks) > 3
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == expected.finish_reason
    assert chunks[-1].usage.completion_tokens == len(expected.tokens)
    assert len({chunk.id for chunk in chunks}) == 1


def test_many_at_once_of_all_models_are_answered_as_each_alone(
    running: Running, alone: Alone
) -> None:
    jobs = [
        (f"{'word ' * (i % 5)}number {i}", i % 2, MODES[i % 3], 3 + (7 * i) % 17) for i in range(24)
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        answers = list(
            pool.map(
                lambda job: ask(running, job[0], name_of(running, *job[1:3]), max_tokens=job[3]),
                jobs,
            )
        )
    for (text, which, mode, most), answer in zip(jobs, answers, strict=True):
        expected = alone(text, which, mode, max_tokens=most)
        assert answer.choices[0].message.content == expected.text, (text, which, mode)


def test_a_prompt_that_is_known_is_not_computed_again(running: Running, alone: Alone) -> None:
    first = ask(running, "a long enough question to remember")
    talk = [
        {"role": "user", "content": "a long enough question to remember"},
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "and?"},
    ]
    again = running.client.chat.completions.create(
        model=running.names[0], messages=talk, max_tokens=12
    )
    assert again.usage.prompt_tokens_details.cached_tokens > 30
    fresh = running.client.chat.completions.create(
        model=running.names[0], messages=talk, max_tokens=12
    )
    assert fresh.choices[0].message.content == again.choices[0].message.content
    anew = ask(running, "a long enough question to remember")
    assert anew.usage.prompt_tokens_details.cached_tokens >= anew.usage.prompt_tokens - 2
    assert anew.choices[0].message.content == first.choices[0].message.content


def test_a_seed_decides_what_is_drawn_whoever_else_asks(running: Running) -> None:
    def drawn(seed: int | None) -> str:
        answer = ask(running, "draw", temperature=1.5, top_p=0.9, seed=seed, max_tokens=20)
        return str(answer.choices[0].message.content)

    by_itself = [drawn(5), drawn(6)]
    assert by_itself[0] != by_itself[1]
    with ThreadPoolExecutor(8) as pool:
        crowd = list(pool.map(drawn, [5, 6, None, 5, None, 6, 7, 5]))
    assert [crowd[i] for i in (0, 1, 3, 5, 7)] == [by_itself[i] for i in (0, 1, 0, 1, 0)]
    assert len({drawn(None) for _ in range(4)}) > 1


def test_log_probabilities_are_those_of_the_whole_text_read_at_once(
    running: Running, alone: Alone, tiny_adapter: Path
) -> None:
    answer = ask(running, "hello", logprobs=True, top_logprobs=3, max_tokens=6)
    told = answer.choices[0].logprobs.content
    model, tokenizer = loading.load(None, tiny_adapter)
    prompt = ChatFormat(tokenizer).prompt([{"role": "user", "content": "hello"}])
    ids = alone("hello", max_tokens=6).tokens
    assert len(told) == 6
    logits = np.array(model(mx.array([[*prompt, *ids]]))[0].astype(mx.float32), np.float64)
    for place, one in enumerate(told):
        row = logits[len(prompt) - 1 + place]
        logprobs = row - row.max() - np.log(np.exp(row - row.max()).sum())
        assert one.logprob == pytest.approx(logprobs[ids[place]], abs=2e-4)
        best = sorted(logprobs, reverse=True)[:3]
        assert [top.logprob for top in one.top_logprobs] == pytest.approx(best, abs=2e-4)
        assert one.token == tokenizer.decode([ids[place]])
        assert one.bytes is None or bytes(one.bytes).decode() == one.token


def test_completions_continue_texts_and_tokens(running: Running) -> None:
    create = running.client.completions.create
    model = running.names[0] + ":base"
    text = create(model=model, prompt="ab", max_tokens=5, logprobs=2)
    ids = create(model=model, prompt=[[1, 2, 3], [4, 5]], max_tokens=5, n=2)
    assert text.object == "text_completion"
    assert text.usage.prompt_tokens == 2
    scores = text.choices[0].logprobs
    assert "".join(scores.tokens) == text.choices[0].text
    assert len(scores.token_logprobs) == len(scores.text_offset) == 5
    assert all(len(top) <= 2 for top in scores.top_logprobs)
    assert [choice.index for choice in ids.choices] == [0, 1, 2, 3]
    assert ids.choices[0].text == ids.choices[1].text != ids.choices[2].text
    assert (ids.usage.prompt_tokens, ids.usage.completion_tokens) == (5, 20)
    assert len(create(model=model, prompt="ab").choices[0].text) >= 16  # OpenAI's default
    words = "".join(
        chunk.choices[0].text
        for chunk in create(model=model, prompt="ab", max_tokens=5, stream=True)
    )
    assert words == text.choices[0].text


def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(running: Running) -> None:
    whole = ask(running, "hello", max_tokens=30).choices[0].message.content
    stop = whole[9:12]
    expected = whole[: whole.index(stop)]
    for stream in (False, True):
        answer = ask(running, "hello", max_tokens=30, stop=[stop, "never said"], stream=stream)
        if stream:
            chunks = list(answer)
            said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            reason = chunks[-1].choices[0].finish_reason
        else:
            said, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        assert (said, reason) == (expected, "stop")


def test_a_schema_is_kept_to_beside_others(running: Running) -> None:
    schema = {
        "type": "object",
        "properties": {
            "place": {"enum": ["kitchen", "garage"]},
            "count": {"type": "integer", "minimum": 0, "maximum": 99},
        },
        "required": ["place", "count"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "order", "schema": schema}}

    def one(i: int) -> str:
        options = {"response_format": form} if i % 2 else {}
        answer = ask(running, f"go {i}", max_tokens=300, temperature=1.0, seed=i, **options)
        return str(answer.choices[0].message.content)

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(one, range(6)))
    for text in said[1::2]:
        value = json.loads(text)
        assert value["place"] in ("kitchen", "garage")
        assert isinstance(value["count"], int)
        assert set(value) == {"place", "count"}
    loose = ask(running, "go", max_tokens=200, response_format={"type": "json_object"}, seed=1)
    assert str(loose.choices[0].message.content).lstrip().startswith("{")


def test_the_counts_are_read_by_prometheus(running: Running) -> None:
    ask(running, "counted")
    text = running.fetch("GET", "/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values['shadow_mlx_requests_total{path="/v1/chat/completions",status="200"}']) > 0
    assert float(values["shadow_mlx_generated_tokens_total"]) >= 12
    assert values["shadow_mlx_answers_running"] == values["shadow_mlx_answers_waiting"] == "0"
    assert float(values["shadow_mlx_first_token_seconds_count"]) > 0


def test_a_key_is_wanted_where_there_is_one(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHADOW_MLX_API_KEY", "a secret of ours")
    with serve() as running:
        with pytest.raises(openai.AuthenticationError, match="wants its key"):
            ask(running, "hello")
        with openai.OpenAI(base_url=running.server.url, api_key="a secret of ours") as client:
            assert len(list(client.models.list())) == 6
        assert running.fetch("GET", "/health").json == {"status": "ok"}
        refused = running.fetch("GET", "/metrics")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "[2001:db8::1]:8080"])
def test_a_page_elsewhere_cannot_pretend_to_be_this_machine(running: Running, host: str) -> None:
    got = running.fetch("GET", "/v1/models", headers={"Host": host})
    assert got.status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:8080"])
def test_this_machine_has_several_names(running: Running, host: str) -> None:
    got = running.fetch("GET", "/v1/models", headers={"Host": host})
    assert got.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("PUT", "/v1/models", 405),
        ("DELETE", "/v1/completions", 405),
        ("GET", "/", 404),
        ("GET", "/v1/files", 404),
        ("POST", "/v1/embeddings", 404),
        ("GET", "/v1/../../etc/passwd", 404),
    ],
)
def test_other_addresses_and_methods_are_refused(
    running: Running, method: str, path: str, status: int
) -> None:
    got = running.fetch(method, path, b"{}", {"Content-Type": "application/json"})
    assert got.status == status
    assert got.json["error"]["message"]
    assert ("Allow" in got.headers) == (status == 405)


def test_the_log_has_no_contents_unless_asked(running: Running, serve: Serve) -> None:
    ask(running, "my secret wish")
    wait_for(lambda: "/v1/chat/completions 200" in running.log.getvalue())
    assert "secret wish" not in running.log.getvalue()
    with serve(log_contents=True) as telling:
        ask(telling, "my open\x1b wish")
        wait_for(lambda: "open" in telling.log.getvalue())
        assert "\x1b" not in telling.log.getvalue()
