"""Prompt caches kept from turn to turn of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache
from mlx_lm.utils import common_prefix_len

from shadow_mlx.generation.decode import new_cache


class ReusableCache:
    """One model's caches, and the tokens that they hold.

    A new prompt usually repeats the conversation so far. What it repeats is not computed again;
    where it departs from what the caches hold, they are trimmed, or made anew when they cannot be
    trimmed (recurrent layers, a sliding window that has wrapped).
    """

    def __init__(self, model: Any, max_kv_size: int | None = None) -> None:
        self._model = model
        self._max_kv_size = max_kv_size
        self._tokens: list[int] = []
        self._caches: list[Any] = []

    def take(self, prompt: Sequence[int]) -> tuple[list[Any], int]:
        """The caches to decode ``prompt`` with, and how many of its tokens they hold already.

        At least one token of the prompt is left to compute. Until :meth:`keep` is called the
        caches count as unknown, so that an interrupted or failed call leaves nothing wrong behind.
        """
        held, caches = self._tokens, self._caches
        self._tokens, self._caches = [], []
        shared = min(common_prefix_len(held, list(prompt)), len(prompt) - 1)
        surplus = len(held) - shared
        usable = shared > 0 and (
            surplus == 0
            or (can_trim_prompt_cache(caches) and trim_prompt_cache(caches, surplus) == surplus)
        )
        return (caches, shared) if usable else (new_cache(self._model, self._max_kv_size), 0)

    def keep(self, caches: list[Any], tokens: Sequence[int]) -> None:
        """Remember ``caches``, which now hold exactly ``tokens``."""
        self._caches, self._tokens = caches, list(tokens)
