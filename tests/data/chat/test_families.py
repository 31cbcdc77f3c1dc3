"""What is trained is what is asked, shown and scored, under every kind of template."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.config import DataConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.notices import UNASKED, UNSHOWN_REASONING, Notices
from shadow_mlx.data.tokens import Encoder, Whole
from shadow_mlx.errors import InputError
from shadow_mlx.evaluation.replies import reply_to
from shadow_mlx.generation.answers import AnswerReader
from shadow_mlx.generation.asking import Asker
from tests.data import oracle
from tests.data.families import BY_NAME, FAMILIES
from tests.data.families.tokenizers_of import KINDS, tokenizer_of
from tests.data.oracle import Asked, squeezed
from tests.data.talks import SHAPES, plain_words, talk, words

CHATS = [family.name for family in FAMILIES if family.template is not None]
SWITCHED = {
    "enable_thinking": (
        *("qwen3", "qwen3-base", "qwen3.5", "nemotron-3", "nemotron-3-bare", "glm-4.5"),
        *("smollm3", "apertus", "gemma4"),
    ),
    "thinking": ("deepseek-v3.1", "granite"),
    "reasoning": ("command-a",),
}
SWITCH_OF = {name: switch for switch, names in SWITCHED.items() for name in names}


def variables_of(name: str, thinking: str) -> dict[str, bool]:
    """What ``--thinking`` sets."""
    return {} if thinking == "auto" else {SWITCH_OF[name]: thinking == "on"}


def thinking_of(name: str) -> tuple[Any, ...]:
    """The values of ``--thinking`` that make a difference to a family."""
    return ("auto", "on", "off") if name in SWITCH_OF else ("auto",)


@cache
def encoder_of(name: str, kind: str, thinking: Any) -> Encoder:
    tokenizer = tokenizer_of(name, kind)
    return Encoder(tokenizer, DataConfig(thinking, max_seq_length=100_000))


@cache
def asker_of(form: ChatFormat) -> Asker:
    return Asker(form)


@cache
def reader_of(form: ChatFormat) -> AnswerReader:
    return AnswerReader(form)


def check(name: str, kind: str, shape: str, thinking: Any, word: Any) -> Whole:
    """The whole property, of one conversation under one template; what became of it."""
    family, record = BY_NAME[name], talk(shape, word)
    encoder = encoder_of(name, kind, thinking)
    variables = variables_of(name, thinking)
    asked = Asked(family, encoder.tokenizer, record, variables)
    (whole,) = encoder.encode_many([record])
    if whole.refusal is not None:
        assert str(whole.refusal)
        assert not whole.examples
        return whole
    _check_spans(asked, encoder.format, whole)
    if record.messages[-1]["role"] == "assistant":
        _check_score(asked, encoder.format, whole)
    return whole


def check_findings(asked: Asked, form: ChatFormat, whole: Whole) -> None:
    """A refusal, or a note of lost reasoning, is right; to be told from words that differ."""
    if whole.refusal is not None:
        _check_refusal(asked)
        return
    lost = 0
    for k, body in _answers(asked, form, whole).items():
        thoughts = oracle.reasonings_of(asked.record.messages[k])
        lost += not all(squeezed(one) in squeezed(body) for one in thoughts)
    assert whole.notices[UNSHOWN_REASONING] == lost


def _check_refusal(asked: Asked) -> None:
    """Right where the template refuses the whole, or an answer is not in its own text."""
    if asked.text(len(asked.record.messages), False) is None:
        return
    for k in asked.wanted:
        shown = asked.text(k + 1, False)
        if shown is None or oracle.lacks(asked.record.messages[k], shown):
            return
    pytest.fail("refused without need")


def _answers(asked: Asked, form: ChatFormat, whole: Whole) -> dict[int, str]:
    """What is trained, by the message's number; each behind a prompt that generation makes."""
    found: dict[int, str] = {}
    for tokens, a, b in oracle.spans(whole, form.stop):
        k = next((k for k in asked.wanted if asked.prompt(k) == tokens[:a]), None)
        assert k is not None, f"no prompt of generation: {form.tokenizer.decode(tokens[:a])!r}"
        assert tokens[b - 1] in form.stop
        assert not form.stop & set(tokens[a : b - 1])
        body = form.tokenizer.decode(tokens[a : b - 1])
        assert found.setdefault(k, body) == body
    return found


def _check_spans(asked: Asked, form: ChatFormat, whole: Whole) -> None:
    found = _answers(asked, form, whole)
    unasked = [k for k in asked.wanted if asked.prompt(k) is None]
    assert whole.notices[UNASKED] == len(unasked)
    assert sorted(found) == [k for k in asked.wanted if k not in unasked]
    for k, body in found.items():
        assert not oracle.lacks(asked.record.messages[k], body), body
        _check_nothing_else(asked, k, body)


def _check_nothing_else(asked: Asked, k: int, body: str) -> None:
    """The answer is the template's own text behind the prompt, or holds no more than its parts."""
    prompt, shown = asked.text(k, True), asked.text(k + 1, False)
    assert prompt is not None
    assert shown is not None
    if shown.startswith(prompt) and squeezed(shown[len(prompt) :]).startswith(squeezed(body)):
        return
    rest, message = squeezed(body), asked.record.messages[k]
    if squeezed(shown).find(rest) > 0:
        return
    parts = (*oracle.TAGS, *oracle.reasonings_of(message), oracle.words_of(message))
    left = oracle.without(rest, map(squeezed, parts))
    assert any(one in squeezed(shown) for one in left), left


def _check_score(asked: Asked, form: ChatFormat, whole: Whole) -> None:
    """Who writes what was trained is right, however it comes."""
    asker, last = asker_of(form), asked.record.messages[-1]
    prompt = asked.prompt(len(asked.record.messages) - 1)
    if prompt is None:
        with pytest.raises(InputError):
            asker.question_of(asked.record)
        return
    question = asker.question_of(asked.record)
    assert question is not None
    assert list(question.prompt) == prompt
    bodies = [
        oracle.written(form.tokenizer, tokens[a : b - 1])
        for tokens, a, b in oracle.spans(whole, form.stop)
        if tokens[:a] == prompt
    ]
    if not bodies:
        assert last.get("weight") == 0
        return
    body = bodies[-1]
    reply = reply_to(question, body, asker)
    assert reply.pair.same, (body, question)
    assert not reply_to(question, body + " not this", asker).pair.same or question.calls
    read = asker.read(body, question)
    if not question.calls and oracle.words_of(last).strip():
        if not last.get("tool_calls"):
            assert squeezed(question.expected) == squeezed(oracle.words_of(last))
        assert read.words.strip() == question.expected.strip()
    if not whole.notices[UNSHOWN_REASONING] and not question.whole:
        thoughts = oracle.reasonings_of(last)
        assert all(squeezed(one) in squeezed(read.reasoning) for one in thoughts)
    _check_streams(form, body, question.opening)


def _check_streams(form: ChatFormat, body: str, opening: Any) -> None:
    reader = reader_of(form)
    at_once = reader.read(body, opening)
    chance = random.Random(len(body))
    for longest in (1, 7):
        stream = reader.stream(opening)
        parts, place = {"reasoning": "", "words": ""}, 0
        while place < len(body):
            step = chance.randint(1, longest)
            for part, piece in stream.feed(body[place : place + step]):
                parts[part] += piece
            place += step
        for part, piece in stream.finish():
            parts[part] += piece
        assert (parts["reasoning"].strip(), parts["words"]) == (at_once.reasoning, at_once.words)
        assert stream.unfinished == at_once.unfinished


def without_typed(whole: Whole) -> Notices:
    """The findings, those apart that words themselves bring."""
    return Counter({one: n for one, n in whole.notices.items() if "typed in" not in one.one and n})


@cache
def plainly(name: str, kind: str, shape: str, thinking: Any) -> Whole:
    """A shape with words of which none is another's part, and what the template makes of it."""
    whole = check(name, kind, shape, thinking, plain_words())
    form = encoder_of(name, kind, thinking).format
    variables = variables_of(name, thinking)
    check_findings(
        Asked(BY_NAME[name], form.tokenizer, talk(shape, plain_words()), variables), form, whole
    )
    return whole


@pytest.mark.parametrize("name", CHATS)
def test_every_shape_of_conversation(name: str) -> None:
    for i, shape in enumerate(SHAPES):
        for j, thinking in enumerate(thinking_of(name)):
            plainly(name, KINDS[(i + j) % len(KINDS)], shape, thinking)


@pytest.mark.parametrize("letter", "<|>/S")
def test_words_that_are_letters_of_a_tag(letter: str) -> None:
    """An answer may be a letter of the tags around it; what is left of the tags then is theirs."""
    check("command-a", "gpt2", "a call and its result", "auto", lambda: letter)


def test_each_part_of_an_answer_is_taken_out_once() -> None:
    """… so that a letter that is none of its parts is left, and seen."""
    assert oracle.without("<|A|>|", ["|"]) == {"<A|>|", "<|A>|", "<|A|>"}
    assert oracle.without("<|A|>||", ["<|A|>", "|", "x"]) == {"|"}


@pytest.mark.parametrize("name", CHATS)
def test_any_words(name: str) -> None:
    """They are trained and found right, and what is lost is told, whatever the words are."""

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        shape = data.draw(st.sampled_from(sorted(SHAPES)))
        kind = data.draw(st.sampled_from(KINDS))
        thinking = data.draw(st.sampled_from(thinking_of(name)))
        whole = check(name, kind, shape, thinking, lambda: data.draw(words))
        as_plain = plainly(name, kind, shape, thinking)
        assert str(whole.refusal) == str(as_plain.refusal)
        assert without_typed(whole) == without_typed(as_plain)

    run()
