from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.runs.curves import RunFold
from tests.runs.fake_run import started, story, trained, validated
from tests.tui.support import ROOT
from tui.views.alerts import alerts
from tui.views.plot import Curve, Look, _quantile, draw, smooth, value_near
from tui.views.words import bar, short, sparkline


def curve(values: list[float], mark: str = "") -> Curve:
    return Curve("x", np.arange(len(values), dtype=float), np.array(values, float), mark)


def test_a_falling_line_goes_from_the_upper_left_to_the_lower_right() -> None:
    plot = draw([curve([4, 3, 2, 1])], 4, 4, Look())
    assert plot is not None
    drawn = [[character != " " for character, _ in row] for row in plot.cells]
    assert drawn[0][0]
    assert drawn[3][3]
    assert not drawn[0][3]
    assert (plot.low, plot.high, plot.first, plot.last) == (1, 4, 0, 3)


@pytest.mark.parametrize("values", [[1, 1, 1, 1], [4, 3, 2, 1], [1, 9, 1, 9]])
def test_a_dashed_line_is_the_other_with_gaps(values: list[float]) -> None:
    whole = draw([curve(values)], 12, 4, Look(log=False))
    dashed = draw([dataclasses.replace(curve(values), dashed=True)], 12, 4, Look(log=False))
    assert whole is not None
    assert dashed is not None
    dots = [
        [sum(ord(one) - 0x2800 for one, _ in row if one != " ") for row in plot.cells]
        for plot in (whole, dashed)
    ]
    assert all(less <= more for more, less in zip(*dots, strict=True))
    assert 0 < sum(dots[1]) < sum(dots[0])


def test_points_are_marked_over_lines() -> None:
    plot = draw([curve([1, 1, 1]), curve([1, 1, 1], "o")], 6, 3, Look())
    assert plot is not None
    assert sum(cell == ("o", 1) for row in plot.cells for cell in row) == 3


def test_outliers_are_left_out_and_counted() -> None:
    values = [1.0 + i / 100 for i in range(40)] + [100.0, 1.2]
    clipped = draw([curve(values)], 20, 5, Look())
    whole = draw([curve(values)], 20, 5, Look(clip=False))
    assert clipped is not None
    assert whole is not None
    assert clipped.high < 2
    assert clipped.clipped >= 1
    assert whole.high == 100


def test_the_beginning_of_a_run_is_no_outlier() -> None:
    """As sprout's: from 11 to 1.5 in a few reports, then a long way down to nearly nothing."""
    fall = [11.0 * 0.6**i for i in range(8)] + [0.3 * 0.99**i for i in range(400)]
    linear = Look(log=False)
    plot = draw([curve(fall), curve([0.9 * v for v in fall], "o")], 20, 5, linear)
    assert plot is not None
    assert (plot.high, plot.clipped) == (11.0, 0)
    spike = draw([curve([*fall[:200], 90.0, *fall[200:]])], 20, 5, linear)
    assert spike is not None
    assert (spike.high, spike.clipped) == (11.0, 1)


def test_a_logarithmic_axis_has_room_for_outliers() -> None:
    values = [1.0 + i / 100 for i in range(40)] + [100.0, 1.2]
    plot = draw([curve(values)], 20, 5, Look(log=True))
    assert plot is not None
    assert (plot.high, plot.clipped) == (100.0, 0)


def test_a_curve_that_falls_far_has_a_logarithmic_axis_unless_somebody_says_no() -> None:
    far, near = curve([11.0, 3.0, 0.5]), curve([3.0, 2.0, 1.2])
    spike = curve([3.0, 90.0, 2.0])  # it does not begin high
    for shown, log, wanted in (
        (far, None, True), (far, False, False), (near, None, False), (near, True, True),
        (spike, None, False),
    ):  # fmt: skip
        plot = draw([shown], 9, 9, Look(log=log, window=(1, 2)))
        assert plot is not None
        assert plot.log is wanted


def test_a_value_stands_in_its_row() -> None:
    for log in (False, True):
        plot = draw([curve([1, 4, 9])], 9, 9, Look(log=log))
        assert plot is not None
        assert [plot.row_of(plot.value_at_row(row)) for row in range(9)] == [*range(9)]
        assert (plot.row_of(9), plot.row_of(1), plot.row_of(9.1)) == (0, 8, None)


def test_one_point_among_a_hundred_thousand_is_seen() -> None:
    values = np.zeros(100_000)
    values[61_803] = 1.0
    long = Curve("x", np.arange(100_000.0), values)
    plot = draw([long], 100, 10, Look(clip=False))
    assert plot is not None
    assert [c for c, (character, _) in enumerate(plot.cells[0]) if character != " "] == [61]
    zoomed = draw([long], 100, 10, Look(clip=False, window=(61_800, 61_806)))
    assert zoomed is not None
    assert (zoomed.low, zoomed.high) == (0, 1)
    assert value_near(long, 61_803.2) == (61_803, 1.0)


def test_a_logarithmic_axis_needs_positive_values() -> None:
    positive = draw([curve([1, 10, 100])], 9, 9, Look(log=True))
    negative = draw([curve([-1, 10, 100])], 9, 9, Look(log=True))
    assert positive is not None
    assert negative is not None
    assert positive.log
    assert not negative.log
    assert positive.value_at_row(4) == pytest.approx(10)


def test_a_window_shows_only_its_steps() -> None:
    plot = draw([curve(list(range(100)))], 10, 5, Look(window=(50, 60)))
    assert plot is not None
    assert (plot.low, plot.high) == (50, 60)
    assert plot.column_of(49) is None
    assert plot.column_of(50) == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_is_numpys(values: list[float], share: float) -> None:
    found = _quantile(np.array(values), share)
    assert found == pytest.approx(np.quantile(values, share), rel=1e-9, abs=1e-6)


def test_no_picture_waits_for_what_numpy_imports_late() -> None:
    code = (
        "import sys, numpy as np\n"
        "from tui.views.plot import Curve, Look, draw\n"
        "steps = np.arange(1.0, 99)\n"
        "curves = [Curve('a', steps, 1 / steps), Curve('b', steps, 2 / steps, mark='x')]\n"
        "assert draw(curves, 40, 9, Look(log=False))\n"
        "assert 'numpy.ma' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_nothing_to_draw() -> None:
    assert draw([], 10, 5, Look()) is None
    assert draw([curve([float("nan")])], 10, 5, Look()) is None


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=60), st.booleans())
def test_any_numbers_can_be_drawn(values: list[float], log: bool) -> None:
    plot = draw([curve(values)], 12, 4, Look(log=log, smoothing=0.5))
    assert (plot is None) == (not np.isfinite(values).any())


def test_smoothing_is_an_average_that_starts_right() -> None:
    assert smooth(np.full(50, 3.0), 0.9) == pytest.approx(np.full(50, 3.0))
    smoothed = smooth(np.array([0.0, np.nan, 1.0]), 0.5)
    assert smoothed[0] == 0
    assert smoothed[2] == pytest.approx(1 / 1.25)


def test_the_nearest_point() -> None:
    assert value_near(curve([5, 6, 7]), 1.4) == (1.0, 6.0)
    assert value_near(curve([]), 1) is None


def test_words() -> None:
    assert bar(0.5, 4) == "━━╌╌"
    assert [short(x) for x in (0, 0.1234, 12.345, 1234.5, 1e-5)] == [
        "0",
        "0.123",
        "12.35",
        "1234",
        "1e-05",
    ]
    assert sparkline([3, 2, float("nan"), 1], 3) == "█▄▁"
    assert sparkline([], 5) == ""


def test_alerts_name_what_can_be_done() -> None:
    fold = RunFold()
    for event in [*story(100)[:4], trained(10, at=100.0), trained(20, at=101.0)]:
        fold.add(event)
    view = fold.snapshot()
    fine = {"live": True, "now": 102.0, "memory_bytes": 10**12, "free_disk_bytes": 10**12}
    assert alerts(view, **fine) == []  # type: ignore[arg-type]
    late = alerts(view, **{**fine, "now": 200.0})  # type: ignore[arg-type]
    assert "no news for 99 s" in late[0].text
    full = alerts(view, **{**fine, "free_disk_bytes": 5_000_000})  # type: ignore[arg-type]
    assert "5 MB of disk" in full[0].text
    small = alerts(view, **{**fine, "memory_bytes": 450_000_000})  # type: ignore[arg-type]
    assert "memory" in small[0].text


def test_snapshots_are_views_and_not_copies() -> None:
    fold = RunFold()
    for step in range(1, 1001):
        fold.add(trained(step))
    one = fold.snapshot()
    other = fold.snapshot()
    assert np.shares_memory(np.asarray(one.train.values), np.asarray(other.train.values))
    assert np.asarray(one.train.steps).tolist() == list(range(1, 1001))
    with pytest.raises(TypeError):
        one.train.values[0] = 0.0  # type: ignore[index]


def test_a_resumed_run_leaves_older_snapshots_as_they_were() -> None:
    fold = RunFold()
    for step in range(1, 11):
        fold.add(trained(step))
    before = fold.snapshot()
    old = list(before.train.values)
    fold.add(started(100, 4))
    fold.add(dataclasses.replace(trained(5), losses={"loss": 7.0}))
    assert list(fold.snapshot().train.steps) == [1, 2, 3, 4, 5]
    assert fold.snapshot().train.values[4] == 7.0
    assert list(before.train.values) == old


def test_a_snapshot_is_not_changed_by_what_comes_later() -> None:
    fold = RunFold()
    fold.add(trained(1))
    before = fold.snapshot()
    fold.add(trained(2))
    fold.add(validated(2))
    assert len(before.train) == 1
    assert before.best_step is None
    assert len(fold.snapshot().train) == 2
