from __future__ import annotations

import json
from typing import Any

import openai
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from shadow_mlx.config import SamplingConfig
from shadow_mlx.serving.replies import Replies, model_list
from shadow_mlx.serving.requests import Asked, Endpoint
from shadow_mlx.serving.writing import Counts, Ended, Likely, TokenScore, Written

SCORE = TokenScore(Likely("hi", -0.5, (104, 105)), (Likely("ho", -1.5, None),))
TOLD = [
    Written((("reasoning", "hm"),), (SCORE,)),
    Written((("words", "hi"),), (SCORE,)),
    Ended((("words", "!"),), (), "tool_calls", (("go", {"to": "ä"}),), Counts(7, 5, 3, 1, 4, 3)),
]


def asked(endpoint: Endpoint = "chat", **options: Any) -> Asked:
    return Asked(endpoint, "m", ("x",), SamplingConfig(), **options)


def test_a_whole_reply_is_what_openai_s_types_say() -> None:
    reply = Replies(asked(top_logprobs=1), 1).whole([TOLD])
    read = ChatCompletion.model_validate(reply, strict=True)
    message = read.choices[0].message
    assert message.content == "hi!"
    assert reply["choices"][0]["message"]["reasoning_content"] == "hm"
    assert message.tool_calls is not None
    assert message.tool_calls[0].type == "function"
    assert json.loads(message.tool_calls[0].function.arguments) == {"to": "ä"}
    assert read.choices[0].finish_reason == "tool_calls"
    assert read.choices[0].logprobs is not None
    assert [one.token for one in read.choices[0].logprobs.content or []] == ["hi", "hi"]
    usage = read.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (7, 3, 10)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 5
    details = usage.completion_tokens_details
    assert details is not None
    assert (details.accepted_prediction_tokens, details.rejected_prediction_tokens) == (3, 1)
    assert details.reasoning_tokens == 1


def test_chunks_put_together_are_the_whole() -> None:
    replies = Replies(asked(stream=True, usage=True, top_logprobs=1), 1)
    chunks = [c for told in TOLD for c in replies.chunks(0, told)]
    read = [ChatCompletionChunk.model_validate(chunk) for chunk in chunks]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in read) == "hi!"
    assert [chunk.choices[0].finish_reason for chunk in read] == [None] * (len(read) - 1) + [
        "tool_calls"
    ]
    calls = [call for chunk in read for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.index, call.function.name) for call in calls if call.function] == [(0, "go")]
    scores = [s for chunk in read if chunk.choices[0].logprobs
              for s in chunk.choices[0].logprobs.content or []]  # fmt: skip
    assert len(scores) == 2
    assert all(chunk["usage"] is None for chunk in chunks)
    counts = ChatCompletionChunk.model_validate(replies.counts([TOLD[-1]]))  # type: ignore[list-item]  # the last is an end
    assert counts.choices == []
    assert counts.usage is not None
    assert len({chunk.id for chunk in [*read, counts]}) == 1
    assert "usage" not in Replies(asked(stream=True), 1).chunks(0, TOLD[0])[0]


def test_texts_have_a_form_of_their_own() -> None:
    replies = Replies(asked("completions", top_logprobs=1), 2)
    told = [TOLD[1], Ended((("words", "!"),), counts=Counts(7, written=3))]
    reply = replies.whole([told, told])
    read = Completion.model_validate(reply)
    assert [choice.text for choice in read.choices] == ["hi!", "hi!"]
    scores = read.choices[0].logprobs
    assert scores is not None
    assert (scores.tokens, scores.text_offset) == (["hi"], [0])
    chunks = [c for t in told for c in Replies(asked("completions"), 1).chunks(0, t)]
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "hi!"


def test_a_prompt_with_several_answers_counts_once() -> None:
    end = TOLD[-1]
    usage = Replies(asked(choices=2), 2).whole([[end], [end]])["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7, 6)


def test_models_are_listed() -> None:
    listed = model_list(["a", "a:base"], 7)
    for one in listed["data"]:
        openai.types.Model.model_validate(one, strict=True)
    assert [one["id"] for one in listed["data"]] == ["a", "a:base"]
