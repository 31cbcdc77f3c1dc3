"""The loss mask: exactly what an assistant says, its end token with it, under any template."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.reading.notices import sentences
from shadow_mlx.data.tokens import Encoder
from tests.data import chat_templates as templates
from tests.data.talk import CALL, SYSTEM, TALK, chat, text_of, trained, trained_all, words


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (templates.CHATML, "<|im_end|>"),
        (templates.CHATML_MARKED, "<|im_end|>"),
        (templates.CHATML_MARKED_WIDE, "<|im_end|>"),
        (templates.GEMMA, "<end_of_turn>"),
        (templates.LLAMA3, "<|eot_id|>"),
    ],
    ids=["chatml", "marked", "marked-wide", "gemma", "llama3"],
)
def test_every_assistant_turn_is_trained_with_its_end(
    make_tokenizer: Any, template: str, end: str
) -> None:
    tokenizer = make_tokenizer(template)
    examples = Encoder(tokenizer).encode(chat(*TALK))
    assert trained_all(tokenizer, examples) == ["hello you" + end, "I am fine" + end]
    whole = tokenizer.apply_chat_template(list(TALK), tokenize=False)
    assert whole.startswith(text_of(tokenizer, examples[-1]))


def test_phi3s_last_token_does_not_split_the_chat(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.PHI3)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["hello you<|end|>", "I am fine<|end|>"]


def test_a_template_without_end_token_gets_one_behind_each_answer(make_tokenizer: Any) -> None:
    """An answer that has no end in its example would never learn to end."""
    tokenizer = make_tokenizer(templates.ALPACA)
    first, second = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, first) == ["hello you</s>"]
    assert trained(tokenizer, second) == ["I am fine</s>"]


def test_the_next_turns_role_token_may_be_what_stops(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.GLM4, more_stops=("<|user|>",))
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == ["\nhello you<|user|>", "\nI am fine</s>"]


def test_a_template_that_rewrites_history_gives_one_example_for_each_answer(
    make_tokenizer: Any,
) -> None:
    tokenizer = make_tokenizer(templates.QWEN3, thinking=True)
    first, second = Encoder(tokenizer).encode(chat(*TALK))
    empty = "<think>\n\n</think>\n\n"
    assert trained(tokenizer, first) == [f"{empty}hello you<|im_end|>"]
    assert trained(tokenizer, second) == [f"{empty}I am fine<|im_end|>"]
    prompt = tokenizer.apply_chat_template(
        list(TALK[:3]), tokenize=False, add_generation_prompt=True
    )
    assert text_of(tokenizer, second).startswith(prompt)


def test_reasoning_is_trained_in_the_turn_that_shows_it(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.QWEN3, thinking=True)
    thoughtful = {"role": "assistant", "content": "<think>\n1 + 1\n</think>\n\n2"}
    talk = [TALK[0], thoughtful, TALK[2], thoughtful]
    first, second = Encoder(tokenizer).encode(chat(*talk))
    answer = "<think>\n1 + 1\n</think>\n\n2<|im_end|>"
    assert trained(tokenizer, first) == trained(tokenizer, second) == [answer]
    assert text_of(tokenizer, second).count("<think>") == 1


def test_a_prompt_that_opens_reasoning_which_the_answer_lacks(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.DEEPSEEK_R1)
    first, second = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, first) == ["\n</think>\n\nhello you</s>"]
    assert trained(tokenizer, second) == ["\n</think>\n\nI am fine</s>"]
    assert text_of(tokenizer, second).count("<think>") == 1


def test_reasoning_that_the_prompt_opens_and_the_history_hides(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.DEEPSEEK_R1)
    thoughtful = {"role": "assistant", "content": "<think>\n1 + 1\n</think>\n\n2"}
    (example,) = Encoder(tokenizer).encode(chat(TALK[0], thoughtful))
    assert trained(tokenizer, example) == ["1 + 1\n</think>\n\n2</s>"]
    assert "<|Assistant|><think>\n1 + 1" in text_of(tokenizer, example)
    first, second = Encoder(tokenizer).encode(chat(TALK[0], thoughtful, TALK[2], thoughtful))
    assert trained(tokenizer, first) == trained(tokenizer, second)


def test_a_system_text_that_only_the_prompt_shows_is_kept(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.MISTRAL)
    first, second = Encoder(tokenizer).encode(chat(*SYSTEM, *TALK))
    assert text_of(tokenizer, first) == (
        "<s>[INST] The sky is blue.\n\nhello there[/INST] hello you</s>"
    )
    assert trained(tokenizer, first) == [" hello you</s>"]
    assert text_of(tokenizer, second) == (
        "<s>[INST] hello there[/INST] hello you</s>"
        "[INST] The sky is blue.\n\nhow are you[/INST] I am fine</s>"
    )
    assert trained(tokenizer, second) == [" I am fine</s>"]


def test_mistral_without_system_is_one_example(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.MISTRAL)
    (example,) = Encoder(tokenizer).encode(chat(*TALK))
    assert trained(tokenizer, example) == [" hello you</s>", " I am fine</s>"]
    assert text_of(tokenizer, example).count("<s>") == 1


def test_tool_calls_are_trained_and_tool_results_are_not(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML_TOOLS)
    result = {"role": "tool", "content": "blue"}
    record = chat(TALK[0], CALL, result, TALK[1], tools=({"name": "look"},))
    (example,) = Encoder(tokenizer).encode(record)
    assert trained(tokenizer, example) == [
        '<tool_call>look {"at": "sky"}</tool_call><|im_end|>',
        "hello you<|im_end|>",
    ]
    assert '[{"name": "look"}]' in text_of(tokenizer, example)


def test_a_template_that_wants_arguments_as_text(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML_TEXT_ARGUMENTS)
    (example,) = Encoder(tokenizer).encode(chat(TALK[0], CALL))
    assert trained(tokenizer, example) == ['look({"at": "sky"})<|im_end|>']


@pytest.mark.parametrize("template", [templates.CHATML, templates.CHATML_MARKED])
def test_calls_that_the_template_leaves_out_are_refused(make_tokenizer: Any, template: str) -> None:
    with pytest.raises(TemplateError, match="leaves out the tool calls of message 2"):
        Encoder(make_tokenizer(template)).encode(chat(TALK[0], CALL))


def test_words_that_the_template_leaves_out_are_refused(make_tokenizer: Any) -> None:
    """Such as a template that takes content in parts only."""
    template = templates.CHATML.replace("{{ message.content }}", "{{ message.content.text }}")
    with pytest.raises(TemplateError, match="leaves out the words of message 2"):
        Encoder(make_tokenizer(template)).encode(chat(*TALK[:2]))


def test_weight_zero_is_context_only(make_tokenizer: Any) -> None:
    for template in (templates.CHATML, templates.CHATML_MARKED):
        tokenizer = make_tokenizer(template)
        (example,) = Encoder(tokenizer).encode(chat(TALK[0], {**TALK[1], "weight": 0}, *TALK[2:]))
        assert trained(tokenizer, example) == ["I am fine<|im_end|>"]


def test_an_assistant_that_speaks_first_and_a_user_who_speaks_last(make_tokenizer: Any) -> None:
    """Nobody can ask for a greeting, so it is context; and a question alone teaches nothing."""
    tokenizer = make_tokenizer(templates.CHATML)
    (whole,) = Encoder(tokenizer).encode_many([chat(TALK[1], TALK[0], TALK[3], TALK[2])])
    (example,) = whole.examples
    assert trained(tokenizer, example) == ["I am fine<|im_end|>"]
    assert "hello you<|im_end|>" in text_of(tokenizer, example)
    assert text_of(tokenizer, example).endswith("I am fine<|im_end|>")
    (note,) = sentences(whole.notices)
    assert note.startswith("1 answer has no question")


def test_answers_that_repeat_the_question_or_the_markup(make_tokenizer: Any) -> None:
    tokenizer = make_tokenizer(templates.CHATML)
    talk = [{**m, "content": "assistant\nuser"} for m in TALK]
    (example,) = Encoder(tokenizer).encode(chat(*talk))
    assert trained(tokenizer, example) == ["assistant\nuser<|im_end|>"] * 2


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(contents=st.lists(words, min_size=2, max_size=8), data=st.data())
def test_any_words_under_any_template(
    make_tokenizer: Any, contents: list[str], data: st.DataObject
) -> None:
    """What is trained is the answers, in order, and what comes before one is its prompt."""
    template, before, end, thinking = data.draw(
        st.sampled_from(
            [
                (templates.CHATML, "", "<|im_end|>", False),
                (templates.CHATML_MARKED_WIDE, "", "<|im_end|>", False),
                (templates.QWEN3, "<think>\n\n</think>\n\n", "<|im_end|>", True),
                (templates.GEMMA, "", "<end_of_turn>", False),
                (templates.LLAMA3, "", "<|eot_id|>", False),
                (templates.MISTRAL, " ", "</s>", False),
                (templates.PHI3, "", "<|end|>", False),
            ]
        )
    )
    contents = contents[: len(contents) // 2 * 2]
    roles = ["user", "assistant"] * (len(contents) // 2)
    talk = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)]
    tokenizer = make_tokenizer(template, thinking=thinking)
    examples = Encoder(tokenizer).encode(chat(*talk))
    answers = [before + c + end for c in contents[1::2]]
    assert trained_all(tokenizer, examples) == answers
    last = examples[-1]
    start = int(np.flatnonzero(np.diff(last.supervised.astype(int)) == 1)[-1]) + 1
    prompt = tokenizer.apply_chat_template(talk[:-1], tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(last.tokens[:start].tolist()) == prompt
