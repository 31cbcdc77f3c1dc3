"""Answers in their parts, as they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.data.chat.reasoning import TAGS, Opening, Tags, opening_of
from shadow_mlx.generation.answers import AnswerStream

FINAL = "<|channel|>final<|message|>"


def read(text: str, step: int = 1, opened: Tags | None = None) -> tuple[str, str, bool]:
    stream = AnswerStream(TAGS, (FINAL,), opened)
    parts = {"reasoning": "", "words": ""}
    pieces = [text[i : i + step] for i in range(0, len(text), step)]
    for piece in pieces:
        for part, some in stream.feed(piece):
            parts[part] += some
    for part, some in stream.finish():
        parts[part] += some
    return parts["reasoning"].strip(), parts["words"], stream.unfinished


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "reasoning", "words"),
    [
        ("four", "", "four"),
        (" four\n", "", " four\n"),
        ("<think>\nwell\n</think>\n\nfour", "well", "four"),
        ("<think>\n\n</think>\n\nfour", "", "four"),
        ("</think>\n\nfour", "", "four"),
        (FINAL + "four", "", "four"),
        ("<|channel|>analysis<|message|>well<|end|>" + FINAL + "four", "well", "four"),
        ("<think>one</think>\n<think>two</think>four", "onetwo", "four"),
        ("a < b, and <think> is a tag", "", "a < b, and <think> is a tag"),
        ("<thin", "", "<thin"),
        ("[THINK]well[/THINK]four", "well", "four"),
        ("<|channel>thought\n<channel|>four", "", "four"),
        ("four </think> five", "", "four </think> five"),
    ],
)
def test_what_is_thought_and_what_is_said(text: str, reasoning: str, words: str, step: int) -> None:
    assert read(text, step) == (reasoning, words, False)


def test_a_reasoning_that_the_prompt_opened() -> None:
    think = TAGS[0]
    assert read("well\n</think>\n\nfour", opened=think) == ("well", "four", False)
    assert read("well, on and on", opened=think) == ("well, on and on", "", True)
    assert read("<think>well") == ("well", "", True)


def test_words_are_given_as_soon_as_they_cannot_be_a_tag() -> None:
    stream = AnswerStream(TAGS, (FINAL,))
    assert list(stream.feed("<th")) == []
    assert list(stream.feed("ose")) == [("words", "<those")]
    assert list(stream.feed(" are")) == [("words", " are")]


@given(
    text=st.lists(
        st.sampled_from(["<think>", "</think>", FINAL, "x", " ", "\n", "<", "[THINK]", "é"])
    ).map("".join),
    step=st.integers(1, 9),
)
def test_pieces_are_read_as_the_whole(text: str, step: int) -> None:
    for opened in (None, TAGS[0]):
        assert read(text, step, opened) == read(text, len(text) or 1, opened)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("assistant\n<think>\n", Opening(TAGS[0], "<think>\n", closed=False)),
        ("assistant\n<think>\n\n</think>\n\n", Opening(TAGS[0], "<think>\n\n</think>\n\n", True)),
        ("<|Assistant|></think>", Opening(TAGS[0], "</think>", closed=True)),
        ("I think", None),
    ],
)
def test_how_a_prompt_ends(prompt: str, expected: Opening | None) -> None:
    assert opening_of(prompt) == expected
