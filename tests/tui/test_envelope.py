from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.views.envelope import envelope, nearest, smooth

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=200)


@given(NUMBERS, st.integers(1, 40))
def test_extremes_and_ends_of_each_column_are_kept(numbers: list[float], columns: int) -> None:
    steps, values = np.arange(len(numbers), dtype=float), np.array(numbers)
    found = envelope(steps, values, 0.0, float(len(numbers) - 1), columns)
    assert len(found.columns) <= columns
    share = steps / max(1, len(numbers) - 1)
    column = np.minimum((share * columns + 1e-9).astype(int), columns - 1)
    for i, c in enumerate(found.columns):
        here = values[column == c]
        here = here[np.isfinite(here)]
        if len(here):
            assert (found.low[i], found.high[i]) == (here.min(), here.max())
        else:
            assert np.isnan(found.low[i])
    finite = values[np.isfinite(values)]
    if len(finite):
        assert np.nanmin(found.low) == finite.min()
        assert np.nanmax(found.high) == finite.max()
    if np.isfinite(values[0]):
        assert found.start[0] == values[0]
    if np.isfinite(values[-1]):
        assert found.end[-1] == values[-1]


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_what_is_drawn_does_not_grow_with_the_curve(count: int) -> None:
    found = envelope(np.arange(count, dtype=float), np.sin(np.arange(count)), 0.0, count - 1.0, 240)
    sizes = {len(a) for a in (found.columns, found.low, found.high, found.start, found.end)}
    assert sizes == {240}


def test_a_curve_of_one_step_stands_in_the_first_column() -> None:
    found = envelope(np.array([5.0]), np.array([2.0]), 5.0, 5.0, 10)
    assert found.columns.tolist() == [0]
    assert (found.low[0], found.high[0]) == (2.0, 2.0)


@given(NUMBERS, st.sampled_from([0.3, 0.6, 0.9, 0.97]))
def test_smoothing_equals_its_definition(numbers: list[float], weight: float) -> None:
    expected, total, count = [], 0.0, 0.0
    for number in numbers:
        known = np.isfinite(number)
        total = weight * total + (number if known else 0.0)
        count = weight * count + known
        expected.append(total / count if count else np.nan)
    scale = max(abs(x) for x in [*np.nan_to_num(numbers), 1.0])
    assert smooth(np.array(numbers), weight) == pytest.approx(
        np.array(expected), abs=1e-9 * scale, rel=1e-6, nan_ok=True
    )


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50), st.floats(-10, 1010))
def test_the_nearest_point_is_found_as_by_looking_at_all(numbers: list[int], step: float) -> None:
    steps = np.array(sorted(numbers), float)
    index = nearest(steps, step)
    assert index is not None
    assert abs(steps[index] - step) == np.abs(steps - step).min()
    assert nearest(np.zeros(0), step) is None
