"""Losses by their names: how records keep them, and how a person reads them.

A name is ``loss`` (the one that is watched, and always there) or ends with ``_loss``. In a record
each stands under its own name among the other values, so that a reader needs no list of names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

WATCHED = "loss"
SHADOW = "shadow_loss"
ON_POLICY = "on_policy_loss"
"""The shadow's divergence from its teacher on what it wrote itself; only training has it."""


def is_loss(name: str) -> bool:
    """Whether a key of a record is the name of a loss."""
    return name == WATCHED or name.endswith(f"_{WATCHED}")


def spread(record: Mapping[str, Any]) -> dict[str, Any]:
    """``record`` with what it has under ``losses`` in that place, each under its own name.

    A loss that is no number becomes null: JSON has no nan.
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if name == "losses":
            found |= {loss: one if math.isfinite(one) else None for loss, one in value.items()}
        else:
            found[name] = value
    return found


def gathered(record: Mapping[str, Any]) -> dict[str, Any]:
    """``record`` with its losses under ``losses`` too: what :func:`spread` took apart."""
    return {**record, "losses": {name: v for name, v in record.items() if is_loss(name)}}


def qualified(name: str, word: str) -> str:
    """``shadow_validation_loss`` of ``shadow_loss`` and ``validation``."""
    return f"{name.removesuffix(WATCHED)}{word}_{WATCHED}"


def in_words(losses: Mapping[str, float]) -> str:
    """``1.500 attached, 2.750 detached``; without the latter the first needs no name."""
    words = {WATCHED: "attached", SHADOW: "detached"} if SHADOW in losses else {WATCHED: ""}
    return ", ".join(
        f"{value:.3f} {words.get(name, name.replace('_', ' '))}".rstrip()
        for name, value in losses.items()
    )
