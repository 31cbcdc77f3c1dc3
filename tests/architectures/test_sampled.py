"""Every family: rows that are written together are what each row would be by itself."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.generation.sampled import sampled_continuations
from tests.architectures.matrix import BY_NAME, TOLERANCE, prepared, tokens

PROMPTS = [tuple(tokens(length, length)[0].tolist()) for length in (3, 1, 8, 2)]
LONGEST = (6, 9, 3, 4)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_token_is_the_likeliest_of_a_pass_over_its_row_alone(name: str) -> None:
    """At temperature 0, but for tokens that are as likely up to the precision of the caches."""
    model = prepared(name).detached
    vocabulary = model(mx.array([PROMPTS[0]])).shape[-1]
    found = sampled_continuations(
        model,
        PROMPTS,
        LONGEST,
        temperature=0.0,
        vocabulary=vocabulary,
        stop=(),
        key=mx.random.key(0),
    )
    for prompt, words, most in zip(PROMPTS, found, LONGEST, strict=True):
        assert len(words) == most
        logits = np.array(model(mx.array([prompt + words]))[0].astype(mx.float32))
        for place, token in enumerate(words, len(prompt) - 1):
            row = logits[place]
            assert row.max() - row[token] <= TOLERANCE * np.abs(row).max(), (place, words)
