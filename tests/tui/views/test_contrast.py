"""Ratios against the figures of WCAG, and colours against their promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.views.contrast import Rgb, ratio, readable

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((119, 119, 119), (255, 255, 255), 4.48),  # the best known pair that just fails
        ((118, 118, 118), (255, 255, 255), 4.54),  # and the one that just passes
        ((255, 0, 0), (255, 255, 255), 4.0),
        ((0, 0, 255), (255, 255, 255), 8.59),
        ((7, 7, 7), (7, 7, 7), 1.0),
    ],
)
def test_known_ratios(one: Rgb, other: Rgb, expected: float) -> None:
    assert ratio(one, other) == pytest.approx(expected, abs=0.005)
    assert ratio(other, one) == ratio(one, other)


@given(COLOURS, COLOURS)
def test_any_colour_can_be_read_on_any(colour: Rgb, background: Rgb) -> None:
    found = readable(colour, background)
    assert ratio(found, background) >= 4.5
    if ratio(colour, background) >= 4.5:
        assert found == colour
