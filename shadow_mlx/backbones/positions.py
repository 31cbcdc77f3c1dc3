"""How many positions a model has: what comes behind them, it has never seen or cannot see at all.

With *learned* positions there is a table with a row for each, and behind its end a model reads
whatever lies there: numbers without sense, or none. With *rotary* positions there is no such end;
the number in the configuration is the length that the model was trained for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LEARNED = {"gpt2": "n_positions", "gpt_bigcode": "n_positions"}
"""mlx-lm's models with a table of positions, and the field with its length."""

_ROTARY = "max_position_embeddings"
_TEXT_CONFIGS = ("text_config", "llm_config", "language_config")


@dataclass(frozen=True)
class PositionLimit:
    """The positions of a model.

    Attributes:
        tokens: How many.
        hard: Whether the model has none beyond them, not only no training.
        field: The field of ``config.json`` that says so.
    """

    tokens: int
    hard: bool
    field: str

    def room(self, context: int, wanted: int) -> int:
        """How many of the ``wanted`` tokens can follow ``context`` tokens; 0 where none can."""
        return max(0, min(wanted, self.tokens - context)) if self.hard else wanted

    def __str__(self) -> str:
        kind = "the model has" if self.hard else "the model was trained for"
        return f"{kind} {self.tokens:,} positions ({self.field} in its config.json)"


def position_limit(config: Mapping[str, Any]) -> PositionLimit | None:
    """The positions that a ``config.json`` tells of; None where it tells of none."""
    for name in _TEXT_CONFIGS:
        inner = config.get(name)
        if isinstance(inner, Mapping):
            found = position_limit({"model_type": config.get("model_type"), **inner})
            if found is not None:
                return found
    learned = _LEARNED.get(str(config.get("model_type")))
    if learned is not None:
        rows = _count(config.get(learned))
        return PositionLimit(rows, True, learned) if rows else None
    trained = _count(config.get(_ROTARY)) or _count(config.get("n_positions"))  # GPT-J
    if not trained:
        return None
    return PositionLimit(max(trained, _stretched(config)), False, _ROTARY)


def tightest(limits: Iterable[PositionLimit | None]) -> PositionLimit | None:
    """The limit that counts where several models read the same tokens."""
    known = [limit for limit in limits if limit is not None]
    return min(known, key=lambda limit: (not limit.hard, limit.tokens), default=None)


def _stretched(config: Mapping[str, Any]) -> int:
    """The length up to which rotary positions are scaled: 0 where they are not."""
    scaling = config.get("rope_scaling") or config.get("rope_parameters")
    if not isinstance(scaling, Mapping):
        return 0
    original, factor = (
        _count(scaling.get("original_max_position_embeddings")),
        scaling.get("factor"),
    )
    if not original or isinstance(factor, bool) or not isinstance(factor, int | float):
        return 0
    return int(original * factor) if 1 <= factor <= 1e6 else 0


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
