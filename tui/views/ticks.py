"""Round numbers for the ends of an axis and what lies between: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""What a tick's distance may be, times a power of ten."""

CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""What it may be on an axis of time, in seconds; beyond that, whole days."""


FEW = 3
"""Ticks of which an axis of equal ratios has no fewer, where there is room."""


def linear(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """At most ``most`` round numbers between two ends, evenly apart.

    Args:
        low: The lower end.
        high: The upper end, above it.
        most: How many there is room for; at least 1.
        whole: Only whole numbers.
    """
    span = high - low
    if not (span > 0 and math.isfinite(span)) or most < 1:
        return []
    power = 10.0 ** math.floor(math.log10(span / most))
    if not power:  # the ends are as near as numbers can be
        return []
    sizes = [step * power * by for by in (1, 10) for step in STEPS]
    for size in sizes:
        if whole and size != round(size):
            continue
        first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
        if last - first < most:
            return [k * size for k in range(first, last + 1)]
    return []


def times(low: float, high: float, most: int) -> list[float]:
    """The same for an axis of seconds, where minutes and hours are round."""
    span = high - low
    if not (span > 0 and math.isfinite(span)) or most < 1:
        return []
    days = CLOCK[-1] * math.ceil(span / most / CLOCK[-1])
    size = next((one for one in CLOCK if span / one <= most), days)
    first, last = math.ceil(low / size), math.floor(high / size)
    return [float(k * size) for k in range(first, last + 1)][:most]


def logarithmic(low: float, high: float, most: int) -> list[float]:
    """The same for an axis of equal ratios: 1, 2 and 5 times powers of ten, or fewer of them."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for parts in ((1, 2, 5), (1, 3), (1,)):
        found = [part * 10.0**k for k in decades for part in parts if low <= part * 10.0**k <= high]
        if len(found) <= most:
            break
    else:
        found = found[:: math.ceil(len(found) / most)]
    # within less than a decade the others are rounder
    return found if len(found) >= min(FEW, most) else linear(low, high, min(most, 2 * FEW))


def labels(values: Sequence[float]) -> list[str]:
    """The numbers with as many digits behind the point as the finest of them needs, all alike.

    What is too large or too small for that is written with an exponent.
    """
    largest = max((abs(value) for value in values), default=0.0)
    if largest and not 1e-3 <= largest < 1e5:
        return [f"{value:.0e}" if value else "0" for value in values]
    for digits in range(4):
        if all(math.isclose(value, round(value, digits), abs_tol=1e-9) for value in values):
            break
    return [f"{value:.{digits}f}" for value in values]
