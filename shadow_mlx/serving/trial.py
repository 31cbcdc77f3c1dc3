"""Whether a model's answers are the same in a batch as alone: tried, once for each model.

mlx-lm's batches pad prompts, and some architectures read the padding. Which ones changes from one
release to the next, so that no list would stay right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
import numpy.typing as npt
from mlx_lm.generate import BatchGenerator

from shadow_mlx.generation.decode import new_cache

LENGTHS = (3, 11, 7)
STEPS = 3
MOST, MOST_ROUNDED = 1e-4, 0.02
"""Of all probability, how much may lie elsewhere; and where numbers have 16 bits."""

Probabilities = npt.NDArray[np.float64]


def answers_in_batches(model: Any) -> bool:
    """Whether prompts of several lengths, computed together, are answered as each alone.

    Args:
        model: Anything with mlx-lm's call surface.
    """
    prompts = [[3 + (7 * i + 5 * n) % 97 for i in range(n)] for n in LENGTHS]
    try:
        together = _together(model, prompts)
    except Exception:  # noqa: BLE001 - mlx-lm says in many ways that it has no batches of a cache
        return False
    for prompt, found in zip(prompts, together, strict=True):
        cache = new_cache(model)
        inputs = prompt
        for token, probabilities in found:
            logits = model(mx.array([inputs]), cache=cache)[0, -1]
            moved = 0.5 * np.abs(_shares(logits) - probabilities).sum()
            if moved > (MOST if logits.dtype == mx.float32 else MOST_ROUNDED):
                return False
            inputs = [token]
    return True


def _together(model: Any, prompts: Sequence[list[int]]) -> list[list[tuple[int, Probabilities]]]:
    """The greedy tokens behind each prompt, each with the probabilities in its place."""
    generator = BatchGenerator(model, max_tokens=STEPS)
    found: dict[int, list[tuple[int, Probabilities]]] = {}
    try:
        numbers = generator.insert([list(prompt) for prompt in prompts])
        while responses := generator.next_generated():
            for one in responses:
                found.setdefault(one.uid, []).append((one.token, _shares(one.logprobs)))
    finally:
        generator.close()
    return [found[number] for number in numbers]


def _shares(logits: mx.array) -> Probabilities:
    wide = np.array(logits.astype(mx.float32), np.float64)
    weights = np.exp(wide - wide.max())
    return weights / weights.sum()
