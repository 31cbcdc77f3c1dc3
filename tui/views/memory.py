"""What the child says of a run's memory, in a line or two."""

from __future__ import annotations

from shadow_mlx import words
from shadow_mlx.worker import messages as m

SIGNS = {"fits": "✔", "tight": "!", "too large": "✘"}


def verdict(found: m.Estimated) -> str:
    """The verdict, and what would make the run fit."""
    text = f"{SIGNS[found.fit]} {found.sentence}"
    if not found.advice:
        return text
    ways = " or ".join(f"{what} ({words.size(peak, 1)})" for what, peak in found.advice[:3])
    return f"{text} Try {ways}."
