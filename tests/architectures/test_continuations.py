"""Every family: what copies of a prompt's caches give is what each row gives by itself."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.generation.continuations import Ids, continuation_logprobs
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel
from tests.architectures.families import REPRESENTATIVES
from tests.architectures.matrix import BY_NAME, TOLERANCE, logits_of, prepared, tokens


def ids(length: int, seed: int) -> Ids:
    return tuple(tokens(length, seed)[0].tolist())


LEAD = ids(7, 1)  # longer than the windows, which hold 6
PROMPTS = [LEAD + ids(4, 2), LEAD + ids(11, 3)]
ANSWERS = [ids(1, 4), ids(5, 5), ids(9, 6), ids(5, 5)[:2] + ids(4, 7)]


def alone(model: Any, prompt: Ids, answer: Ids) -> float:
    """The log-probability by one pass over the whole row, summed in float64."""
    row = mx.array([prompt + answer])
    made = model(row) if isinstance(model, AttachedModel | DetachedModel) else logits_of(model, row)
    logits = np.array(made[0].astype(mx.float32), np.float64)
    known = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return sum(known[len(prompt) - 1 + i, token] for i, token in enumerate(answer))


# Attached, the caches of the backbone and of the shadow are all there.
@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, "attached") for name in BY_NAME]
    + [(name, mode) for name in REPRESENTATIVES for mode in ("backbone", "detached")],
)
def test_every_row_is_scored_as_if_alone(name: str, mode: str) -> None:
    model = getattr(prepared(name), mode)
    found = list(continuation_logprobs(model, PROMPTS, [ANSWERS] * 2, batch_size=3))
    for prompt, scores in zip(PROMPTS, found, strict=True):
        expected = np.array([alone(model, prompt, answer) for answer in ANSWERS])
        assert np.abs(scores - expected).max() < TOLERANCE * np.abs(expected).max()
