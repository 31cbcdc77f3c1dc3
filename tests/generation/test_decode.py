from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm import generate
from mlx_lm.sample_utils import make_sampler
from mlx_lm.utils import load

from shadow_mlx.config import SamplingConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError, ModelError
from shadow_mlx.generation.decode import decode, seed_sampling, weight_bytes
from shadow_mlx.generation.prompts import chat_prompt, plain_prompt
from tests.tiny import write_tiny_backbone


@pytest.fixture(scope="module")
def loaded(tiny_backbone: Path) -> tuple[Any, Any]:
    model, tokenizer = load(str(tiny_backbone))
    return model, tokenizer


def test_greedy_text_is_mlx_lm_s(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    prompt = chat_prompt(ChatFormat(tokenizer), [{"role": "user", "content": "hello"}])
    answer = decode(model, tokenizer, prompt, SamplingConfig(max_tokens=20))
    assert answer.text == generate(model, tokenizer, prompt, max_tokens=20)
    assert answer.prompt_tokens == len(prompt)


def test_sampled_text_is_mlx_lm_s_for_the_same_seed(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    sampling = SamplingConfig(max_tokens=20, temp=0.8, top_p=0.9, top_k=40, min_p=0.01, seed=5)
    prompt = plain_prompt(ChatFormat(tokenizer), "hello")
    seed_sampling(sampling)
    answer = decode(model, tokenizer, prompt, sampling)
    mx.random.seed(5)
    sampler = make_sampler(0.8, 0.9, 0.01, top_k=40)
    assert answer.text == generate(model, tokenizer, prompt, max_tokens=20, sampler=sampler)


def test_the_token_limit_is_the_reason(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    answer = decode(model, tokenizer, [5, 6], SamplingConfig(max_tokens=1))
    assert (len(answer.tokens), answer.finish_reason) == (1, "length")


def test_the_end_of_turn_token_is_the_reason_and_not_text(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    free = decode(model, tokenizer, [5, 6], SamplingConfig(max_tokens=8))
    tokenizer_ids = set(tokenizer.eos_token_ids)
    try:
        tokenizer.eos_token_ids = {free.tokens[3]}
        first = free.tokens.index(free.tokens[3])
        answer = decode(model, tokenizer, [5, 6], SamplingConfig(max_tokens=8))
    finally:
        tokenizer.eos_token_ids = tokenizer_ids
    assert answer.finish_reason == "stop"
    assert answer.tokens == free.tokens[: first + 1]
    assert free.text.startswith(answer.text)


def test_weights_in_two_places_count_once(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    import mlx.nn as nn

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = self.two = model

    assert weight_bytes(Twice()) == weight_bytes(model) > 0


def test_an_empty_prompt_is_refused(loaded: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="prompt is empty"):
        plain_prompt(ChatFormat(loaded[1]), "")


def test_a_model_without_chat_template_is_told_so(tmp_path: Path) -> None:
    _, tokenizer = load(str(write_tiny_backbone(tmp_path / "plain", chat_template=None)))
    with pytest.raises(ModelError, match="no chat template"):
        chat_prompt(ChatFormat(tokenizer), [{"role": "user", "content": "hello"}])


def test_a_template_s_refusal_is_the_message(tmp_path: Path) -> None:
    template = "{{ raise_exception('System role not supported') }}"
    _, tokenizer = load(str(write_tiny_backbone(tmp_path / "picky", chat_template=template)))
    with pytest.raises(InputError, match="System role not supported"):
        chat_prompt(ChatFormat(tokenizer), [{"role": "system", "content": "x"}])
