"""Where an answer ends, and how the options of a template reach it."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.config import TemplateConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.rendering import ChatTemplate
from tests.data.families.tokenizers_of import tokenizer_of

QUESTION = [{"role": "user", "content": "hi"}]
ENDS = {
    **{"chatml": "<|im_end|>", "chatml-base": "<|im_end|>", "qwen3-base": "<|im_end|>"},
    **{"llama2": "</s>", "llama3": "<|eot_id|>", "llama4": "<|eot|>", "gemma3": "<end_of_turn>"},
    **{"phi3": "<|end|>", "kimi-k2": "<|im_end|>", "gpt-oss": "<|return|>", "gemma4": "<turn|>"},
    **{"seed-oss": "<seed:eos>", "apertus": "<|assistant_end|>", "granite": "<|end_of_text|>"},
}


def form_of(name: str, thinking: Any = "auto", variables: str | None = None) -> ChatFormat:
    return ChatFormat(tokenizer_of(name), TemplateConfig(thinking, variables))


@pytest.mark.parametrize("name", ENDS)
def test_an_answer_ends_where_the_template_ends_a_turn(name: str) -> None:
    form = form_of(name)
    assert form.tokenizer.convert_tokens_to_ids(ENDS[name]) in form.stop
    assert set(form.tokenizer.eos_token_ids) <= form.stop
    opener = form.prompt(QUESTION)[0]
    assert opener not in form.stop


@pytest.mark.parametrize("name", ["alpaca", "plain-end", "base", "glm-4.5"])
def test_a_template_that_ends_turns_with_no_token_adds_no_stop(name: str) -> None:
    form = form_of(name)
    assert form.stop == set(form.tokenizer.eos_token_ids)


@pytest.mark.parametrize(
    ("name", "on", "off"),
    [
        ("qwen3", "<|im_start|>assistant\n", "<think>\n\n</think>\n\n"),
        ("qwen3.5", "<think>\n", "<think>\n\n</think>\n\n"),
        ("deepseek-v3.1", "<think>", "</think>"),
        ("command-a", "<|START_THINKING|>", "<|START_THINKING|><|END_THINKING|>"),
        ("glm-4.5", "hi<|assistant|>", "hi/nothink<|assistant|>\n<think></think>"),
    ],
)
def test_thinking_is_switched_by_the_templates_own_variable(name: str, on: str, off: str) -> None:
    for thinking, end in (("on", on), ("off", off)):
        form = form_of(name, thinking)
        assert form.tokenizer.decode(form.prompt(QUESTION)).endswith(end)
        assert form.template.notes == []


@pytest.mark.parametrize("name", ["llama3", "qwen3-thinking", "magistral", "base"])
def test_a_template_without_switch_says_so(name: str) -> None:
    template = form_of(name, "off").template
    notes = template.notes
    assert len(notes) == (name != "base")
    assert all("has no such switch" in note for note in notes)
    assert form_of(name).template.notes == []


def test_variables_reach_the_template_and_overrule_the_switch() -> None:
    form = form_of("qwen3", "on", '{"enable_thinking": false}')
    assert form.tokenizer.decode(form.prompt(QUESTION)).endswith("</think>\n\n")
    form = form_of("gpt-oss", variables='{"reasoning_effort": "low"}')
    assert "Reasoning: low" in form.tokenizer.decode(form.prompt(QUESTION))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *(("qwen3", "reasoning_content"), ("gemma4", "reasoning"), ("gpt-oss", "thinking")),
        *(("deepseek-r1", None), ("llama3", None)),
    ],
)
def test_reasoning_goes_under_the_templates_own_name(name: str, key: str | None) -> None:
    template = ChatTemplate(tokenizer_of(name))
    assert template.reasoning_key == key


def test_an_answer_is_written_as_generation_hands_it_out() -> None:
    """SentencePiece's older kind puts a blank behind each special token."""
    tokenizer = tokenizer_of("magistral", "prepends")
    form = ChatFormat(tokenizer)
    assert form.written("[INST]hi[/INST]", "[THINK]well[/THINK]so</s>") == (
        "[THINK] well[/THINK] so"
    )
    assert form_of("magistral").written("[INST]hi[/INST]", "[THINK]well[/THINK]so</s>") == (
        "[THINK]well[/THINK]so"
    )
