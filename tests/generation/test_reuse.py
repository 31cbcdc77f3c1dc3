"""Turns of a conversation through one cache, against the full forward pass, for each kind of cache.

A second turn extends the first; a third departs from it, as a template that drops old reasoning
or a person who starts anew makes it.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from shadow_mlx.generation.reuse import ReusableCache
from tests.architectures.matrix import difference, prepared, tokens

FAMILIES = {
    "qwen3": "every cache can be trimmed",
    "gemma3_text": "sliding windows, which wrap",
    "qwen3_next": "recurrent layers, which cannot be trimmed",
}


def answer(model: Any, kept: ReusableCache, prompt: list[int]) -> tuple[mx.array, int]:
    """Logits after ``prompt``, computed through the cache; how many tokens it held already."""
    caches, held = kept.take(prompt)
    logits = model(mx.array([prompt[held:]]), cache=caches)[:, -1]
    mx.eval(logits, [cache.state for cache in caches])
    kept.keep(caches, prompt)
    return logits, held


@pytest.mark.parametrize("mode", ["attached", "detached", "base"])
@pytest.mark.parametrize("name", FAMILIES)
def test_turns_through_one_cache_equal_the_full_forward(name: str, mode: str) -> None:
    ready = prepared(name)
    model = {"attached": ready.attached, "detached": ready.detached, "base": ready.backbone}[mode]
    kept = ReusableCache(model)
    words: list[int] = tokens(24, seed=4)[0].tolist()  # type: ignore[assignment]
    turns = [words[:9], words[:16], [*words[:6], *words[16:]], words[:6]]
    for turn, prompt in enumerate(turns):
        logits, held = answer(model, kept, prompt)
        assert difference(logits, model(mx.array([prompt]))[:, -1]) < 1e-4
        if turn == 1:
            assert held == 9
        if name == "qwen3" and turn > 1:
            assert held == (6 if turn == 2 else 5)  # one token is always left to compute


def test_a_cache_is_unknown_until_it_is_kept() -> None:
    kept = ReusableCache(prepared("qwen3").backbone)
    answer(prepared("qwen3").backbone, kept, [5, 6, 7])
    kept.take([5, 6, 7, 8])  # and then interrupted
    _, held = kept.take([5, 6, 7, 8])
    assert held == 0
