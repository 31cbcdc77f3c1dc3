"""Ticks are round, lie within the axis, are as many as fit, and are written alike."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui.views.ticks import STEPS, labels, linear, logarithmic, times

ENDS = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6)).map(lambda two: (two[0], sum(two)))


def test_some_axes() -> None:
    assert linear(0.025, 1.567, 5) == [0.5, 1.0, 1.5]
    assert linear(0, 107, 6, whole=True) == [0, 20, 40, 60, 80, 100]
    assert linear(1, 3, 9, whole=True) == [1, 2, 3]
    assert logarithmic(0.02, 11, 12) == [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    assert logarithmic(0.02, 11, 4) == [0.1, 1, 10]
    assert labels(logarithmic(2.1, 2.9, 4)) == ["2.2", "2.4", "2.6", "2.8"]
    assert linear(1, 1, 5) == linear(0, float("inf"), 5) == linear(0, 1, 0) == []


def test_they_are_written_alike() -> None:
    assert labels([0.5, 1.0, 1.5]) == ["0.5", "1.0", "1.5"]
    assert labels([0, 20, 40]) == ["0", "20", "40"]
    assert labels([0.1 + 0.2, 0.45]) == ["0.30", "0.45"]
    assert labels([1e-5, 2e-5, 0]) == ["1e-05", "2e-05", "0"]
    assert labels([1e6]) == ["1e+06"]
    assert labels([]) == []


@given(ENDS, st.integers(1, 12), st.booleans())
def test_any_axis(ends: tuple[float, float], most: int, whole: bool) -> None:
    low, high = ends
    found = linear(low, high, most, whole=whole)
    slack = 1e-6 * max(abs(low), abs(high), 1e-6)
    assert len(found) <= most
    assert all(low - slack <= value <= high + slack for value in found)
    if whole:
        assert all(value == round(value) for value in found)
    if len(found) > 1:
        size = found[1] - found[0]
        mantissa = size / 10 ** math.floor(math.log10(size * (1 + 1e-9)))
        assert any(math.isclose(mantissa, step, rel_tol=1e-3) for step in STEPS)
    if most > 3 and not whole:
        assert len(found) >= most // 3  # the room is used


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e9), st.integers(2, 12))
def test_any_logarithmic_axis(low: float, ratio: float, most: int) -> None:
    found = logarithmic(low, low * ratio, most)
    assert len(found) <= most
    assert found == sorted(found)
    assert all(low * 0.999 <= value <= low * ratio * 1.001 for value in found)


def test_on_an_axis_of_time_minutes_and_hours_are_round() -> None:
    assert times(0, 100, 4) == [0, 30, 60, 90]
    assert times(70, 1000, 4) == [300, 600, 900]
    assert times(0, 40 * 3600, 5) == [0, 43200, 86400, 129600]
    assert times(0, 10 * 86400, 5) == [0, 2 * 86400, 4 * 86400, 6 * 86400, 8 * 86400]
    assert times(5, 5, 4) == []
