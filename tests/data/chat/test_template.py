"""The loss mask: exactly what an assistant says, its end token with it, under any template."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.reading.notices import sentences
from shadow_mlx.data.tokens import Encoder
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talk import CALL, SYSTEM, TALK, chat, text_of, trained

THOUGHTFUL = {"role": "assistant", "content": "<think>\n1 + 1\n</think>\n\n2"}
THINKING = (TALK[0], THOUGHTFUL, TALK[2], THOUGHTFUL)
CALLING = (TALK[0], CALL, {"role": "tool", "content": "blue"}, TALK[1])
EMPTY = "<think>\n\n</think>\n\n"


def mask(name: str, *messages: Any, **more: Any) -> tuple[list[list[str]], list[str]]:
    """What is trained of each example, and the whole of each."""
    tokenizer = tokenizer_of(name)
    examples = Encoder(tokenizer).encode(chat(*messages, **more))
    return [trained(tokenizer, one) for one in examples], [text_of(tokenizer, e) for e in examples]


@pytest.mark.parametrize(
    ("name", "talk", "expected"),
    [
        ("chatml", TALK, [["hello you<|im_end|>", "I am fine<|im_end|>"]]),
        ("marked", TALK, [["hello you<|im_end|>", "I am fine<|im_end|>"]]),
        ("gemma2", TALK, [["hello you<end_of_turn>", "I am fine<end_of_turn>"]]),
        # its last token, behind a finished conversation, does not split the chat
        ("phi3", TALK, [["hello you<|end|>", "I am fine<|end|>"]]),
        # an answer that has no end in its example would never learn to end
        ("alpaca", TALK, [["hello you</s>"], ["I am fine</s>"]]),
        # the next turn's role token may be what stops
        (
            "glm-4.5",
            TALK,
            [
                [
                    "\n<think></think>\nhello you<|user|>",
                    "\n<think></think>\nI am fine<|endoftext|>",
                ]
            ],
        ),
        # history that is rewritten gives one example for each answer
        ("qwen3", TALK, [[f"{EMPTY}hello you<|im_end|>"], [f"{EMPTY}I am fine<|im_end|>"]]),
        ("qwen3", THINKING, [["<think>\n1 + 1\n</think>\n\n2<|im_end|>"]] * 2),
        # a prompt that opens a reasoning, which the answer lacks or the history hides
        ("deepseek-r1", TALK, [["\n</think>\n\nhello you</s>"], ["\n</think>\n\nI am fine</s>"]]),
        ("deepseek-r1", THINKING, [["1 + 1\n</think>\n\n2</s>"]] * 2),
        ("mistral-v3", TALK, [[" hello you</s>", " I am fine</s>"]]),
        # tool calls are trained and tool results are not
        *(
            (
                name,
                CALLING,
                [
                    [
                        '<tool_call>\n{"name": "look", "arguments": {"at": "sky"}}\n</tool_call>'
                        "<|im_end|>",
                        "hello you<|im_end|>",
                    ]
                ],
            )
            for name in ("qwen2.5", "hermes")  # which wants arguments as text
        ),
        ("chatml", [{**m, "content": "user"} for m in TALK], [["user<|im_end|>"] * 2]),
        ("chatml", (TALK[0], {**TALK[1], "weight": 0}, *TALK[2:]), [["I am fine<|im_end|>"]]),
    ],
)
def test_every_answer_is_trained_with_its_end(
    name: str, talk: Any, expected: list[list[str]]
) -> None:
    tools = ({"name": "look"},) if talk is CALLING else None
    found, texts = mask(name, *talk, tools=tools)
    assert found == expected
    assert all(text.count("<s>") <= 1 for text in texts)
    if name in ("qwen3", "deepseek-r1"):
        assert [text.count("<think>") for text in texts] == [1, 1]
    assert tools is None or '{"name": "look"}' in texts[0]


def test_a_system_text_that_only_the_prompt_shows_is_kept() -> None:
    found, texts = mask("mistral-v3", *SYSTEM, *TALK)
    assert found == [[" hello you</s>"], [" I am fine</s>"]]
    assert texts == [
        "<s>[INST] The sky is blue.\n\nhello there[/INST] hello you</s>",
        "<s>[INST] hello there[/INST] hello you</s>"
        "[INST] The sky is blue.\n\nhow are you[/INST] I am fine</s>",
    ]


@pytest.mark.parametrize(
    ("name", "talk", "reason"),
    [
        ("chatml", CALLING, "leaves out the tool calls of message 2"),
        ("marked", CALLING, "leaves out the tool calls of message 2"),
        ("parts-only", TALK[:2], "leaves out the words of message 2"),
    ],
)
def test_what_the_template_leaves_out_is_refused(name: str, talk: Any, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        mask(name, *talk)


def test_an_assistant_that_speaks_first_and_a_user_who_speaks_last() -> None:
    """Nobody can ask for a greeting, so it is context; and a question alone teaches nothing."""
    talk = (TALK[1], TALK[0], TALK[3], TALK[2])
    found, (text,) = mask("chatml", *talk)
    assert found == [["I am fine<|im_end|>"]]
    assert "hello you<|im_end|>" in text
    assert text.endswith("I am fine<|im_end|>")
    (whole,) = Encoder(tokenizer_of("chatml")).encode_many([chat(*talk)])
    (note,) = sentences(whole.notices)
    assert note.startswith("1 answer has no question")
