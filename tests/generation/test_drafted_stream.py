"""The stream of drafted tokens is what mlx-lm's own decoding gives of the same tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlx_lm.generate import GenerationResponse, stream_generate
from mlx_lm.sample_utils import make_sampler

from shadow_mlx.config import ShadowConfig
from shadow_mlx.generation.drafted_stream import drafted_stream
from shadow_mlx.generation.speculation import Speculation
from shadow_mlx.loading import load_backbone, load_tokenizer
from shadow_mlx.shadow.attached import AttachedModel, attach

GREEDY = make_sampler(0.0)


@pytest.fixture(scope="module")
def sprout() -> tuple[AttachedModel, Any]:
    model, config, folder = load_backbone("sprout")
    return attach(model, config, ShadowConfig(rank=4)).eval(), load_tokenizer(Path(folder))


def told(responses: list[GenerationResponse]) -> list[tuple[str, int, int, int, str | None]]:
    return [
        (r.text, r.token, r.prompt_tokens, r.generation_tokens, r.finish_reason) for r in responses
    ]


@pytest.mark.parametrize("most", [1, 3, 40])
def test_texts_and_counts_are_those_of_plain_decoding(sprout: Any, most: int) -> None:
    model, tokenizer = sprout
    messages = [{"role": "user", "content": "Count from 1 to 9."}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    one = Speculation(model, model.make_cache(), GREEDY, greedy=True)
    found = list(drafted_stream(one, tokenizer, prompt, most))
    expected = stream_generate(
        model, tokenizer, prompt, max_tokens=most, sampler=GREEDY, prompt_cache=model.make_cache()
    )
    assert told(found) == told(list(expected))
    assert found[-1].finish_reason == ("stop" if most == 40 else "length")
    assert all(r.generation_tps > 0 and r.prompt_tps > 0 for r in found)
