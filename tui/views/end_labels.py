"""Where the names of curves stand beside their ends: pure functions."""

from __future__ import annotations

from collections.abc import Sequence


def spread(rows: Sequence[int], height: int) -> list[int]:
    """A row of its own for each label, near the one that it wants, in the order of the wanted ones.

    Args:
        rows: The wanted ones, from the top.
        height: How many rows there are; at least as many as labels.
    """
    order = sorted(range(len(rows)), key=rows.__getitem__)
    found, free = list(rows), 0
    for i in order:  # down, away from those above
        found[i] = free = max(found[i], free)
        free += 1
    last = height - 1
    for i in reversed(order):  # and up again, where the last ones are below the end
        found[i] = last = min(found[i], last)
        last -= 1
    return found
