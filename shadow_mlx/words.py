"""Sizes, durations and counts as people read them; the same figure reads the same everywhere."""

from __future__ import annotations

import math


def size(count: float, digits: int = 2) -> str:
    """Bytes in memory, in powers of ten: ``812 MB``, ``2.50 GB``.

    Args:
        count: Bytes.
        digits: Decimals of gigabytes; an estimate has fewer than a measurement.
    """
    return f"{count / 1e9:,.{digits}f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def file_size(count: float) -> str:
    """Bytes of a data file, which may be small: ``12.5 kB``, ``3.2 MB``."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def duration(seconds: float) -> str:
    """A time with its units: ``45 s``, ``3 min 20 s``, ``2 h 05 min``; ``–`` if it is unknown."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """A time where there is little room, as on a clock: ``2:03``, ``1:02:03``."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def drafts(tokens_a_pass: float, speedup: float | None) -> str:
    """What drafting gave: ``3.5 tokens a pass (2.1 × as fast)``.

    Args:
        tokens_a_pass: Tokens for each pass of the backbone.
        speedup: How many times as fast as one token at a time, where that is known.
    """
    faster = "" if speedup is None else f" ({speedup:.1f} × as fast)"
    return f"{tokens_a_pass:.1f} tokens a pass{faster}"


def number(value: float) -> str:
    """A count in three digits that matter: ``812``, ``23.4k``, ``1.25M``, ``8.1B``."""
    if value >= 999.5e9:
        return f"{value / 1e9:,.0f}B"
    for limit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * limit:  # what would be rounded up to it
            return f"{value / limit:.3g}{name}"
    return f"{value:.0f}"


def counted(count: int, what: str, many: str = "") -> str:
    """A number with what it counts: ``1 step``, ``2,000 steps``; ``many`` where no s does it."""
    return f"{count:,} {what if count == 1 else many or what + 's'}"
