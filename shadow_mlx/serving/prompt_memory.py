"""Prompts that were computed, kept for those that begin in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlx_lm.models.cache import LRUPromptCache

from shadow_mlx.serving.lanes import Kept
from shadow_mlx.serving.models import Key


class PromptMemory:
    """Caches by the tokens that they hold, within so many bytes.

    Args:
        most: Bytes; 0 keeps nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = LRUPromptCache(max_size=1 << 16, max_bytes=most)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return int(self._kept.nbytes)

    def take(
        self, key: Key, size: int | None, prompt: Sequence[int]
    ) -> tuple[list[Any] | None, int]:
        """A copy of the caches of the longest known beginning of a prompt, and its length.

        Args:
            key: Which weights.
            size: The longest context that is kept.
            prompt: Token ids; at least one of them is left to compute.
        """
        if len(prompt) < 2 or not self._most:
            return None, 0
        caches, rest = self._kept.fetch_nearest_cache((key, size), list(prompt[:-1]))
        held = len(prompt) - 1 - len(rest)
        return (caches, held) if caches is not None and held > 0 else (None, 0)

    def keep(self, key: Key, size: int | None, kept: Kept | None) -> None:
        """Keep what an answer leaves."""
        if kept is not None and self._most:
            tokens, caches = kept
            self._kept.insert_cache((key, size), tokens, caches)

    def clear(self) -> None:
        """Let go of everything."""
        self._kept.trim_to(n_sequences=0)
