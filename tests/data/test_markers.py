"""Masks by a template's own generation markers."""

from __future__ import annotations

from typing import Any

from shadow_mlx.data.tokens import Encoder
from tests.data import chat_templates as templates
from tests.data.talk import TALK, chat, trained


def test_markers_that_miss_an_answer_are_not_trusted(make_tokenizer: Any) -> None:
    template = templates.CHATML_MARKED.replace(
        "message.role == 'assistant'", "message.role == 'assistant' and loop.last"
    )
    tokenizer = make_tokenizer(template)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["hello you<|im_end|>", "I am fine<|im_end|>"]
