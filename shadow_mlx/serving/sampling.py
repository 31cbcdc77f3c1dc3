"""How a request's tokens are chosen: draws of its own, whoever is computed beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from random import Random
from typing import Any

import mlx.core as mx
from jaxtyping import Float, Integer
from mlx_lm.sample_utils import make_logits_processors, make_sampler

from shadow_mlx.serving.requests import Asked

Sampler = Callable[[Float[mx.array, "batch vocabulary"]], Integer[mx.array, " batch"]]
Processor = Callable[[mx.array, mx.array], mx.array]
"""Takes all tokens so far and logits ``[1, V]``, and gives logits."""


def sampler_of(asked: Asked, tokenizer: Any, number: int) -> Sampler:
    """What chooses the next token of one answer.

    Each draw begins with a seed of the answer's own, so that the same request with the same seed
    gives the same text, and no other request's draws can be told from it.

    Args:
        asked: The request.
        tokenizer: As mlx-lm loads it.
        number: Which of the request's answers: each has draws of its own.
    """
    sampling = asked.sampling
    chosen: Sampler = make_sampler(
        sampling.temp,
        sampling.top_p,
        sampling.min_p,
        top_k=sampling.top_k if sampling.top_k < len(tokenizer._tokenizer) else 0,
        xtc_probability=sampling.xtc_probability,
        xtc_threshold=sampling.xtc_threshold,
        xtc_special_tokens=[
            *tokenizer.encode("\n", add_special_tokens=False),
            *tokenizer.eos_token_ids,
        ],
    )
    if sampling.temp == 0:
        return chosen  # the same for all: rows that share it are computed together
    seed = secrets.randbits(64) if sampling.seed is None else sampling.seed
    draws = Random(f"{seed}/{number}")

    def drawn(logprobs: mx.array) -> mx.array:
        mx.random.seed(draws.getrandbits(63))  # MLX's state is this thread's alone
        return chosen(logprobs)

    return drawn


def processors_of(asked: Asked) -> list[Processor]:
    """What changes the logits of one answer."""
    made: list[Processor] = make_logits_processors(
        dict(asked.logit_bias) or None,
        asked.sampling.repetition_penalty,
        presence_penalty=asked.presence_penalty or None,
        frequency_penalty=asked.frequency_penalty or None,
    )
    return made
