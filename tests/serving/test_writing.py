from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.generation.answers import AnswerReader
from shadow_mlx.serving.writing import CallWatch, Counts, Ended, StopWatch, Writing, begun
from shadow_mlx.shadow.attached import AttachedModel

TOOLS = [{"type": "function", "function": {"name": "go"}}]


@pytest.fixture
def tokenizer(tiny_attached: tuple[AttachedModel, Any]) -> Any:
    return tiny_attached[1]


@given(
    st.lists(st.text("ab", max_size=4), max_size=8),
    st.lists(st.text("ab", min_size=1, max_size=3), max_size=3),
)
def test_a_stop_text_is_found_however_the_text_comes(pieces: list[str], stops: list[str]) -> None:
    watch = StopWatch(stops)
    told = "".join(map(watch.feed, pieces))
    whole = "".join(pieces)
    places = [whole.find(stop) for stop in stops if stop in whole]
    assert watch.found == bool(places)
    if places:
        # the first in the text that has come so far: a longer one may begin before it
        assert any(told + stop == whole[: len(told + stop)] for stop in stops)
        assert not any(stop in told for stop in stops)
    else:
        assert whole.startswith(told)
        assert told + watch.rest() == whole


def test_what_may_begin_a_word_is_known() -> None:
    assert [begun(text, "abab") for text in ("", "x", "xa", "xaba", "abab")] == [0, 0, 1, 3, 2]


def fed(watch: CallWatch, pieces: Sequence[str]) -> tuple[str, list[Any], str]:
    told = "".join(map(watch.feed, pieces))
    calls, rest = watch.finish()
    return told, calls, rest


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("text", "told", "calls", "rest"),
    [
        ("just words", "just words", [], ""),
        (' {"name": "go", "arguments": {"to": "x"}}', "", [("go", {"to": "x"})], ""),
        ('```json\n{"name": "go", "arguments": {}}\n```', "", [("go", {})], ""),
        ('{"name": "stay", "arguments": {}}', "", [], '{"name": "stay", "arguments": {}}'),
        ('{"no": "call"}', "", [], '{"no": "call"}'),
        ("`code`", "`code`", [], ""),
        ('say {"name": "go", "arguments": {}}', 'say {"name": "go", "arguments": {}}', [], ""),
    ],
)
def test_calls_are_told_from_words(
    tokenizer: Any, size: int, text: str, told: str, calls: list[Any], rest: str
) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert fed(CallWatch(tokenizer, TOOLS), pieces) == (told, calls, rest)


class Marked:
    """A tokenizer of a family with words around calls."""

    has_tool_calling, tool_call_start, tool_call_end = True, "<call>", "</call>"

    @staticmethod
    def tool_parser(text: str, tools: Any) -> Any:
        name, _, argument = text.strip().partition(" ")
        if not name.isalpha():
            raise ValueError(text)
        return {"name": name, "arguments": {"to": argument}}


@pytest.mark.parametrize("size", [1, 4, 100])
def test_calls_stand_between_the_family_s_words(size: int) -> None:
    text = 'I {"go"}<call>go x</call><call>go y</call>'
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    both = [("go", {"to": "x"}), ("go", {"to": "y"})]
    assert fed(CallWatch(Marked(), TOOLS), pieces) == ('I {"go"}', both, "")
    assert fed(CallWatch(Marked(), TOOLS, one_call=True), pieces)[1] == both[:1]
    told, calls, rest = fed(CallWatch(Marked(), TOOLS), ["<call>3</call>"])
    assert (told, calls, rest) == ("", [], "<call>3</call>")
    assert fed(CallWatch(Marked(), TOOLS), ["a <ca", "ndle"]) == ("a <candle", [], "")


def writing(tokenizer: Any, **options: Any) -> Writing:
    reader = AnswerReader(ChatFormat(tokenizer))
    return Writing(tokenizer, reader, [1, 2, 3], **options)


def write(one: Writing, tokenizer: Any, text: str, reason: Any = "stop") -> tuple[str, Ended]:
    said = ""
    for token in tokenizer.encode(text, add_special_tokens=False):
        said += "".join(t for p, t in one.add(token, mx.zeros(8), False).pieces if p == "words")
        if one.stopped:
            break
    end = one.finish(reason, Counts(3, written=one.counted[0]))
    return said + "".join(t for p, t in end.pieces if p == "words"), end


def test_an_answer_comes_whole_and_in_its_parts(tokenizer: Any) -> None:
    assert write(writing(tokenizer), tokenizer, "häßlich 🙂!")[0] == "häßlich 🙂!"
    one = writing(tokenizer)
    said, _ = write(one, tokenizer, "<think>so so</think>\n\nwell")
    assert said == "well"
    written, reasoning = one.counted
    assert 0 < reasoning < written
    said, end = write(writing(tokenizer, stop=["el"]), tokenizer, "hello", "length")
    assert (said, end.reason) == ("h", "stop")
    said, end = write(writing(tokenizer, tools=TOOLS), tokenizer, '{"name": "go", "arguments": {}}')
    assert (said, end.reason, end.calls) == ("", "tool_calls", (("go", {}),))
    plain = writing(tokenizer, chat=False)
    assert write(plain, tokenizer, "<think>so</think>")[0] == "<think>so</think>"


def test_scores_are_those_of_the_likeliest(tokenizer: Any) -> None:
    logprobs = mx.log(mx.array([0.1, 0.4, 0.3, 0.2]))
    (score,) = writing(tokenizer, top=2).add(3, logprobs, False).scores
    assert score.chosen.logprob == pytest.approx(np.log(0.2))
    assert [one.token for one in score.top] == [tokenizer.decode([i]) for i in (1, 2)]
    assert writing(tokenizer, top=2).add(3, logprobs, True).scores == ()
    (bare,) = writing(tokenizer, top=0).add(3, mx.log(mx.array([1.0, 0, 0, 0])), False).scores
    assert (bare.top, bare.chosen.logprob) == ((), -9999.0)
