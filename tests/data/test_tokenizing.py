"""Spans of characters to tokens, with offsets and without."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from shadow_mlx.data.schema import Record
from shadow_mlx.data.tokens import Encoder
from tests.data import chat_templates as templates
from tests.data.talk import TURNS, chat, trained, words


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(question=words, answer=words, more=words)
def test_without_offsets_the_mask_is_the_same(
    make_tokenizer: Any, monkeypatch: Any, question: str, answer: str, more: str
) -> None:
    tokenizer = make_tokenizer(templates.LLAMA3, adds_bos=True)
    talk = [
        {"role": r, "content": c}
        for r, c in zip(TURNS, (question, answer, more, more + answer), strict=True)
    ]
    records = [chat(*talk), Record("text", 1, text=question)]
    before = [Encoder(tokenizer).encode(record) for record in records]
    with monkeypatch.context() as patched:
        patched.setattr(type(tokenizer._tokenizer), "is_fast", False)
        after = [Encoder(tokenizer).encode(record) for record in records]
    for (one,), (other,) in zip(before, after, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.supervised.tolist() == other.supervised.tolist()


def test_a_token_that_crosses_into_the_answer_is_trained(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(None)
    assert tokenizer.decode(tokenizer.encode("x hello")[1:2]) == " hello"
    (example,) = Encoder(tokenizer).encode(
        Record("completion", 1, prompt="x hel", completion="lo there")
    )
    assert trained(tokenizer, example) == [" hello there</s>"]
