from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from shadow_mlx.config import SamplingConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError
from shadow_mlx.generation.session import ChatSession, modes_of
from shadow_mlx.shadow.attached import AttachedModel

SAMPLING = SamplingConfig(max_tokens=12)


def new_session(
    tiny_attached: tuple[AttachedModel, Any], mode: Any = "attached", **kwargs: Any
) -> ChatSession:
    model, tokenizer = tiny_attached
    return ChatSession(modes_of(model), ChatFormat(tokenizer), SAMPLING, mode=mode, **kwargs)


def test_modes_share_one_model(tiny_attached: tuple[AttachedModel, Any]) -> None:
    model, _ = tiny_attached
    modes = modes_of(model)
    assert set(modes) == {"attached", "detached", "base"}
    assert modes["base"] is model.backbone
    assert set(modes_of(model.detached())) == {"detached"}
    assert set(modes_of(model.backbone)) == {"base"}


def test_the_three_modes_answer_differently(tiny_attached: tuple[AttachedModel, Any]) -> None:
    answers = {
        m: new_session(tiny_attached, m).reply("hello").text
        for m in ("attached", "detached", "base")
    }
    assert len(set(answers.values())) == 3


@pytest.mark.parametrize("mode", ["attached", "detached", "base"])
def test_a_reused_cache_gives_the_same_answers_as_a_fresh_one(
    tiny_attached: tuple[AttachedModel, Any], mode: Any
) -> None:
    kept = new_session(tiny_attached, mode, system="be brief")
    for turn, text in enumerate(["hello", "and then?", "so"]):
        fresh = new_session(tiny_attached, mode, system="be brief")
        fresh.turns = list(kept.turns)
        expected = fresh.reply(text)
        answer = kept.reply(text)
        assert (answer.text, answer.tokens) == (expected.text, expected.tokens)
        assert expected.cached_tokens == 0
        assert (answer.cached_tokens > 0) == (turn > 0)
        total = expected.prompt_tokens
        assert answer.prompt_tokens + answer.cached_tokens == total


def test_the_mode_can_change_within_a_conversation(
    tiny_attached: tuple[AttachedModel, Any],
) -> None:
    moving = new_session(tiny_attached)
    moving.reply("hello")
    moving.switch("detached")
    moving.reply("again")
    moving.switch("attached")
    fresh = new_session(tiny_attached)
    fresh.turns = list(moving.turns)
    assert moving.reply("more").text == fresh.reply("more").text
    assert len(moving.messages) == 6


def test_caches_that_cannot_be_trimmed_are_made_anew(
    tiny_attached: tuple[AttachedModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadow_mlx.generation.reuse.can_trim_prompt_cache", lambda cache: False)
    chat = new_session(tiny_attached)
    first = chat.reply("hello")
    chat.reset()
    again = chat.reply("hello")  # diverges from what the cache holds
    assert (again.cached_tokens, again.text) == (0, first.text)


def test_a_rotating_cache_that_has_wrapped_is_made_anew(
    tiny_attached: tuple[AttachedModel, Any],
) -> None:
    model, tokenizer = tiny_attached
    sampling = SamplingConfig(max_tokens=12, max_kv_size=16)
    chat = ChatSession(modes_of(model), ChatFormat(tokenizer), sampling, mode="attached")
    chat.reply("a message of more than sixteen tokens")
    chat.reset()
    other = ChatSession(modes_of(model), ChatFormat(tokenizer), sampling, mode="attached")
    assert chat.reply("short").text == other.reply("short").text


def test_answers_tell_their_cost(tiny_attached: tuple[AttachedModel, Any]) -> None:
    pieces: list[str] = []
    chat = new_session(tiny_attached)
    answer = chat.reply("hello", lambda part, text: pieces.append(text))
    assert "".join(pieces) == answer.text
    assert answer.finish_reason in ("stop", "length")
    assert answer.generation_tps > 0
    assert answer.prompt_tps > 0
    attached_bytes = answer.memory_bytes
    chat.switch("detached")
    assert 0 < chat.reply("again").memory_bytes < attached_bytes


def interrupting(after: int) -> Any:
    """mlx-lm's stream, interrupted after some responses."""
    from mlx_lm.generate import stream_generate

    def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for number, response in enumerate(stream_generate(*args, **kwargs)):
            if number == after:
                raise KeyboardInterrupt
            yield response

    return stream


def test_an_interrupted_answer_is_kept_and_its_cache_is_not(
    tiny_attached: tuple[AttachedModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = new_session(tiny_attached)
    with monkeypatch.context() as patched:
        patched.setattr("shadow_mlx.generation.decode.stream_generate", interrupting(4))
        answer = chat.reply("hello")
    assert answer.finish_reason == "interrupted"
    assert chat.turns[-1] == {"role": "assistant", "content": answer.text}
    fresh = new_session(tiny_attached)
    fresh.turns = list(chat.turns)
    following = chat.reply("go on")
    assert following.cached_tokens == 0
    assert following.text == fresh.reply("go on").text


def test_interrupted_before_the_first_word_nothing_joins_the_conversation(
    tiny_attached: tuple[AttachedModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadow_mlx.generation.decode.stream_generate", interrupting(0))
    chat = new_session(tiny_attached)
    chat.reply("hello")
    assert chat.turns == []


def test_compare_answers_in_every_mode(tiny_attached: tuple[AttachedModel, Any]) -> None:
    chat = new_session(tiny_attached, "detached")
    alone = {m: new_session(tiny_attached, m).reply("hello").text for m in chat.modes}
    shown: dict[str, str] = {}

    def compare(text: str | None) -> dict[str, str]:
        answers: dict[str, str] = {}
        chat.compare(
            text,
            lambda mode: lambda part, piece: shown.update({mode: shown.get(mode, "") + piece}),
            lambda mode, answer: answers.update({mode: answer.text}),
        )
        return answers

    assert compare("hello") == alone == shown
    assert chat.turns[-1]["content"] == alone["detached"]  # the current mode's answer stays
    before = list(chat.turns)
    assert compare(None) == alone  # the same message again
    assert chat.turns == before


def test_comparing_nothing_is_refused(tiny_attached: tuple[AttachedModel, Any]) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        new_session(tiny_attached).compare(None, lambda mode: print, lambda mode, answer: None)


def test_a_mode_that_is_not_loaded_is_refused(tiny_attached: tuple[AttachedModel, Any]) -> None:
    model, tokenizer = tiny_attached
    chat = ChatSession(modes_of(model.detached()), ChatFormat(tokenizer), SAMPLING, mode="detached")
    with pytest.raises(InputError, match=r"attached is not loaded \(loaded: detached\)"):
        chat.switch("attached")


def test_system_message_reset_and_restore(tiny_attached: tuple[AttachedModel, Any]) -> None:
    chat = new_session(tiny_attached, system="be brief")
    chat.reply("hello")
    saved = chat.messages
    assert [m["role"] for m in saved] == ["system", "user", "assistant"]
    chat.reset()
    assert [m["role"] for m in chat.messages] == ["system"]
    other = new_session(tiny_attached)
    other.restore(saved)
    assert other.messages == saved


def test_what_is_thought_is_told_apart_and_kept_apart(
    tiny_attached: tuple[AttachedModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlx_lm.generate import stream_generate

    words = ["<th", "ink>", "\n1 + 1\n", "</think>", "\n\n", "2", "."]

    def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
        kwargs["max_tokens"] = len(words)
        for response, text in zip(stream_generate(*args, **kwargs), words, strict=False):
            yield dataclasses.replace(response, text=text)

    monkeypatch.setattr("shadow_mlx.generation.decode.stream_generate", stream)
    chat = new_session(tiny_attached)
    told: list[tuple[str, str]] = []
    answer = chat.reply("1 + 1?", lambda part, text: told.append((part, text)))
    assert (answer.reasoning, answer.text) == ("1 + 1", "2.")
    assert "".join(text for part, text in told if part == "words") == "2."
    assert "".join(text for part, text in told if part == "reasoning").strip() == "1 + 1"
    assert chat.turns[-1] == {"role": "assistant", "content": "2.", "reasoning_content": "1 + 1"}
