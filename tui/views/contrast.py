"""How well one colour is read on another, and a colour that is: pure functions of triplets.

A colour is (red, green, blue), each from 0 to 255. Luminance and ratio are those of the Web Content
Accessibility Guidelines (WCAG 2.2, "relative luminance" and "contrast ratio").
"""

from __future__ import annotations

from functools import lru_cache

Rgb = tuple[int, int, int]

LEAST = 4.5
"""The least ratio for text (success criterion 1.4.3). On any colour, black or white has it."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
STEPS = 8
"""Halvings of the way to black or white: finer than one of 255 levels."""


def luminance(colour: Rgb) -> float:
    """From 0 (black) to 1 (white)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (level / 255 for level in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(4096)
def ratio(one: Rgb, other: Rgb) -> float:
    """From 1 (the same) to 21 (black and white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(4096)
def readable(colour: Rgb, background: Rgb, least: float = LEAST) -> Rgb:
    """The colour itself where it is read well; else as little lighter or darker as it needs.

    Args:
        colour: Of the text.
        background: What it stands on.
        least: The ratio that it must have; above 4.58 some backgrounds have no such colour.
    """
    if ratio(colour, background) >= least:
        return colour
    end = max((BLACK, WHITE), key=lambda end: ratio(end, background))
    too_little, enough = 0.0, 1.0
    for _ in range(STEPS):
        share = (too_little + enough) / 2
        if ratio(_between(colour, end, share), background) >= least:
            enough = share
        else:
            too_little = share
    return _between(colour, end, enough)


def _between(start: Rgb, end: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return red, green, blue
