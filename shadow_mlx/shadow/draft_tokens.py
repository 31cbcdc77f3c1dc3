"""The tokens that an adapter's answers usually use: its shadow drafts among them from the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 8192
"""Tokens that are kept at most."""


@dataclass(frozen=True)
class DraftTokens:
    """Tokens of the training data's answers, the most frequent first.

    Attributes:
        ids: The tokens.
        counts: How often the data have each of them.
    """

    ids: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, ids: Sequence[int], counts: Sequence[int]) -> DraftTokens:
        """The :data:`MOST` most frequent ones of tokens that are in this order."""
        return cls(tuple(ids[:MOST]), tuple(counts[:MOST]))
