"""Tokens that may be drafted, as the stream of text that mlx-lm's decoding gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import mlx.core as mx
from mlx_lm.generate import GenerationResponse, wired_limit

from shadow_mlx.generation.speculation import Speculation


def drafted_stream(
    speculation: Speculation,
    tokenizer: Any,
    prompt: Sequence[int],
    max_tokens: int,
    *,
    prompt_progress_callback: Callable[[int, int], None] = lambda done, total: None,
) -> Generator[GenerationResponse, None, None]:
    """What :func:`mlx_lm.generate.stream_generate` gives, from tokens that may be drafted.

    That function takes a draft model with caches of its own, and no other loop.
    """
    detokenizer = tokenizer.detokenizer
    detokenizer.reset()
    began, prompt_tps, number = time.perf_counter(), 0.0, 0
    tokens = speculation.generate(prompt, max_tokens, prompt_progress_callback)
    with wired_limit(speculation.model), closing(tokens):
        for number, one in enumerate(tokens, start=1):
            if number == 1:
                prompt_tps = len(prompt) / (time.perf_counter() - began)
                began = time.perf_counter()
            ended = one.token in tokenizer.eos_token_ids
            if not ended:
                detokenizer.add_token(one.token)
            last = ended or number == max_tokens
            if last:
                detokenizer.finalize()
            yield GenerationResponse(
                text=detokenizer.last_segment,
                token=one.token,
                logprobs=one.logprobs,
                from_draft=one.from_draft,
                prompt_tokens=len(prompt),
                prompt_tps=prompt_tps,
                generation_tokens=number,
                generation_tps=number / max(time.perf_counter() - began, 1e-9),
                peak_memory=mx.get_peak_memory() / 1e9,
                finish_reason=("stop" if ended else "length") if last else None,
            )
            if last:
                return
