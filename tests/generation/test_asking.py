"""Records as questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlx_lm.utils import load_tokenizer

from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.generation.asking import LONGEST_OPENING, Asker
from tests.tiny import write_tiny_backbone

CALL = {"id": "1", "type": "function", "function": {"name": "go", "arguments": {"to": "hall"}}}


@pytest.fixture
def tokenizer(tiny_backbone: Path) -> Any:
    return load_tokenizer(tiny_backbone)


@pytest.fixture
def asker(tokenizer: Any) -> Asker:
    return Asker(ChatFormat(tokenizer))


def test_the_last_assistant_turn_of_a_chat_is_asked(tokenizer: Any, asker: Asker) -> None:
    turns = [("user", "first"), ("assistant", "one"), ("user", "second"), ("assistant", "two")]
    messages = tuple({"role": role, "content": content} for role, content in turns)
    asked = asker.question_of(Record("chat", 7, messages=messages))
    assert asked is not None
    assert (asked.line, asked.shown, asked.expected) == (7, "second", "two")
    assert tokenizer.decode(list(asked.prompt)).endswith(
        "second<|im_end|>\n<|im_start|>assistant\n"
    )
    assert asker.question_of(Record("chat", 7, messages=messages[:3])) is None


def test_a_template_that_wants_arguments_as_text_gets_them(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.tool_calls %}"
        "{{ m.tool_calls[0].function.arguments + '.' }}{% else %}{{ m.content }}{% endif %}"
        "{% endfor %}"
    )
    tokenizer = load_tokenizer(write_tiny_backbone(tmp_path / "m", chat_template=template))
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    answer = {"role": "assistant", "content": "done"}
    asked = Asker(ChatFormat(tokenizer)).question_of(Record("chat", 1, messages=(call, answer)))
    assert asked is not None
    assert tokenizer.decode(list(asked.prompt)) == '{"to": "hall"}.'


def test_a_text_is_continued_from_its_middle(tokenizer: Any, asker: Asker) -> None:
    asked = asker.continuation_of(Record("text", 1, text="once upon a time\n"))
    assert asked is not None
    assert (asked.shown, asked.expected) == ("once upon", " a time")
    assert tokenizer.decode(list(asked.prompt)) == "once upon"
    assert asker.continuation_of(Record("text", 1, text="word")) is None


def test_a_long_text_is_opened_only(asker: Asker) -> None:
    asked = asker.continuation_of(Record("text", 1, text="word " * 10_000))
    assert asked is not None
    assert len(asked.shown) <= LONGEST_OPENING + len("word")
