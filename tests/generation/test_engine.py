from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shadow_mlx.config import MODES, Mode, SamplingConfig, TemplateConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError
from shadow_mlx.generation.conversation import Conversation, Turn
from shadow_mlx.generation.decode import Answer
from shadow_mlx.generation.engine import Engine, modes_of
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.attached import AttachedModel

HELLO = Conversation().asked("hello")
SAMPLING = SamplingConfig(max_tokens=12)
BEFORE_THE_FIRST_TOKEN = 3
"""Looks at the token while a short prompt is read."""


class StopAfter(StopToken):
    """Asks to stop after some looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    @property
    def stopping(self) -> bool:
        self._looks -= 1
        return self._looks < 0


@pytest.fixture
def new(tiny_attached: tuple[AttachedModel, Any]) -> Callable[[], Engine]:
    model, tokenizer = tiny_attached
    return lambda: Engine(model, ChatFormat(tokenizer))


def following(talk: Conversation, answer: Answer, text: str) -> Conversation:
    return talk.said(Turn("assistant", answer.text)).asked(text)


def test_modes_share_one_model(tiny_attached: tuple[AttachedModel, Any]) -> None:
    model, tokenizer = tiny_attached
    assert modes_of(model)["base"] is model.backbone
    form = ChatFormat(tokenizer)
    for loaded, modes in ((model, set(MODES)), (model.detached(), {"detached"})):
        assert set(Engine(loaded, form).modes) == modes
    base = Engine(model.backbone, form)
    with pytest.raises(InputError, match=r"attached is not loaded \(loaded: base\)"):
        base.answer(HELLO, "attached", SAMPLING)
    assert base.weight_bytes < Engine(model, form).weight_bytes


def test_the_three_modes_answer_differently_and_tell_their_cost(new: Any) -> None:
    answers = {mode: new().answer(HELLO, mode, SAMPLING) for mode in MODES}
    assert len({answer.text for answer in answers.values()}) == 3
    assert 0 < answers["detached"].memory_bytes < answers["attached"].memory_bytes
    for answer in answers.values():
        assert answer.finish_reason in ("stop", "length")
        assert min(answer.generation_tps, answer.prompt_tps, answer.first_token_seconds) > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [None, 16])  # 16: the window wraps, and cannot be trimmed
def test_a_reused_cache_gives_the_same_answers_as_a_fresh_one(
    new: Any, mode: Mode, size: int | None
) -> None:
    engine, talk, sampling = new(), HELLO, SamplingConfig(max_tokens=12, max_kv_size=size)
    for turn, text in enumerate(["and then?", "so", "", "anew"]):
        expected = new().answer(talk, mode, sampling)
        answer = engine.answer(talk, mode, sampling)
        assert (answer.text, answer.tokens) == (expected.text, expected.tokens)
        assert expected.cached_tokens == 0
        assert size or (answer.cached_tokens > 0) == (turn > 0)
        assert answer.prompt_tokens + answer.cached_tokens == expected.prompt_tokens
        talk = following(talk, answer, text) if text else HELLO
    engine.forget()
    assert engine.answer(talk, mode, sampling).cached_tokens == 0


def test_modes_and_sizes_keep_caches_of_their_own(new: Any) -> None:
    engine = new()
    first = engine.answer(HELLO, "attached", SAMPLING)
    talk = following(HELLO, first, "again")
    for mode, size in (("detached", None), ("attached", 1000)):
        sampling = dataclasses.replace(SAMPLING, max_kv_size=size)
        assert engine.answer(talk, mode, sampling).cached_tokens == 0
    again = engine.answer(talk, "attached", SAMPLING)
    assert again.cached_tokens > 0
    assert again.tokens == new().answer(talk, "attached", SAMPLING).tokens


@pytest.mark.parametrize("tokens", [0, 1, 4])
def test_a_stopped_answer_is_the_beginning_of_the_whole_one(new: Any, tokens: int) -> None:
    engine, whole = new(), new().answer(HELLO, "attached", SAMPLING)
    stop = StopAfter(BEFORE_THE_FIRST_TOKEN + tokens - 1)
    answer = engine.answer(HELLO, "attached", SAMPLING, stop=stop)
    assert answer.finish_reason == "interrupted"
    assert answer.tokens == whole.tokens[:tokens]
    talk = following(HELLO, answer, "go on")
    after = engine.answer(talk, "attached", SAMPLING)
    assert after.tokens == new().answer(talk, "attached", SAMPLING).tokens
    assert (after.cached_tokens > 0) == (tokens > 0)  # what was computed is used


def test_another_error_leaves_nothing_wrong_behind(new: Any) -> None:
    def fail(*_: str) -> None:
        raise KeyboardInterrupt

    engine = new()
    with pytest.raises(KeyboardInterrupt):
        engine.answer(HELLO, "base", SAMPLING, on_piece=fail)
    answer = engine.answer(HELLO, "base", SAMPLING)
    assert (answer.cached_tokens, answer.text) == (0, new().answer(HELLO, "base", SAMPLING).text)


def test_a_plain_text_goes_through_no_template(new: Any) -> None:
    answer = new().answer("ab", "base", SAMPLING)
    assert answer.prompt_tokens == 2
    with pytest.raises(InputError, match="prompt is empty"):
        new().answer("", "base", SAMPLING)


def test_the_template_s_options_may_change_between_answers(
    tiny_attached: tuple[AttachedModel, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = tiny_attached
    tag = "{% if greet %}hi{% endif %}"
    monkeypatch.setattr(
        tokenizer._tokenizer, "chat_template", tag + tokenizer._tokenizer.chat_template
    )
    engine = Engine(model, ChatFormat(tokenizer))
    greeting = TemplateConfig(chat_template_config='{"greet": true}')
    lengths = [
        engine.answer(HELLO, "base", SAMPLING, template).context_tokens
        - len(engine.answer(HELLO, "base", SAMPLING, template).tokens)
        for template in (None, greeting, None, TemplateConfig())
    ]
    assert [length - lengths[0] for length in lengths] == [0, 2, 0, 0]


def test_what_is_thought_is_told_apart(new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_lm.generate import stream_generate

    words = ["<th", "ink>", "\n1 + 1\n", "</think>", "\n\n", "2", "."]

    def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
        kwargs["max_tokens"] = len(words)
        for response, text in zip(stream_generate(*args, **kwargs), words, strict=False):
            yield dataclasses.replace(response, text=text)

    monkeypatch.setattr("shadow_mlx.generation.decode.stream_generate", stream)
    told = {"reasoning": "", "words": ""}

    def on_piece(part: str, text: str) -> None:
        told[part] += text

    answer = new().answer(HELLO, "base", SAMPLING, on_piece=on_piece)
    assert (answer.reasoning, answer.text) == ("1 + 1", "2.") == (
        told["reasoning"].strip(), told["words"],
    )  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_follows_a_schema(new: Any, mode: Mode) -> None:
    schema = {
        "type": "object",
        "properties": {"to": {"enum": ["hall", "attic"]}},
        "required": ["to"],
        "additionalProperties": False,
    }
    engine = new()
    sampling = SamplingConfig(max_tokens=300, draft=True)
    first = engine.answer(HELLO, mode, sampling, schema=schema)
    assert json.loads(first.text)["to"] in ("hall", "attic")
    assert first.drafted is None
    again = engine.answer(following(HELLO, first, "and?"), mode, sampling, schema=schema)
    assert again.cached_tokens > 0
    assert json.loads(again.text)["to"] in ("hall", "attic")
    with pytest.raises(InputError, match="the JSON schema cannot be used"):
        engine.answer(HELLO, mode, sampling, schema={"type": "nonsense"})
