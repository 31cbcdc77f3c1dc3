"""Every family: a batch of unequal prompts in mlx-lm's BatchGenerator answers as each alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.architectures.families import REPRESENTATIVES
from tests.architectures.matrix import (
    BY_NAME,
    TOLERANCE,
    difference,
    greedy_alone,
    greedy_batch,
    prepared,
    tokens,
)

PROMPTS = [tokens(length, seed=length)[0].tolist() for length in (3, 11, 7)]  # windows hold 6
STEPS = 4


def batch_error(model: Any) -> float:
    """The largest difference of log-probabilities; infinite where the tokens differ."""
    alone = [greedy_alone(model, prompt, STEPS) for prompt in PROMPTS]
    together = greedy_batch(model, PROMPTS, STEPS)
    worst = 0.0
    for one, many in zip(alone, together, strict=True):
        if [token for token, _ in one] != [token for token, _ in many]:
            return float("inf")
        worst = max(worst, *(difference(b, a) for (_, a), (_, b) in zip(one, many, strict=True)))
    return worst


BATCHED = [name for name, family in BY_NAME.items() if family.unbatched is None]


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, "attached") for name in BATCHED]
    + [(name, "detached") for name in BATCHED if name in REPRESENTATIVES],
)
def test_a_batch_answers_as_each_prompt_alone(name: str, mode: str) -> None:
    assert batch_error(getattr(prepared(name), mode)) < TOLERANCE


@pytest.mark.parametrize("name", [n for n, f in BY_NAME.items() if f.unbatched])
def test_what_is_not_batched_is_not_batched_by_mlx_lm_either(name: str) -> None:
    """The table blames mlx-lm for these; when this fails, it has learnt to: drop the entry."""
    try:
        error = batch_error(prepared(name).backbone)
    except ValueError:  # it refuses the caches or the shapes
        return
    assert error > 1e-3
