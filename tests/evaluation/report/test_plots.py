from __future__ import annotations

import itertools
import re

import pytest

from shadow_mlx.evaluation.report.plots import (
    BOTTOM,
    LEFT,
    LINE,
    RIGHT,
    TOP,
    WIDTH,
    Bar,
    Point,
    bars,
    scatter,
    ticks,
)  # fmt: skip


def _numbers(pattern: str, drawing: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, drawing)]


def test_bars_are_as_long_as_their_values() -> None:
    drawing = bars("k", "t", [Bar("a", 0.5, "50%"), Bar("b", 2.0, "200%"), Bar("c", None, "–")])
    assert _numbers(r'width="([\d.]+)" height="9" class="bar"', drawing) == [WIDTH / 4, WIDTH, 0]
    (share,) = _numbers(r'width="([\d.]+)" height="9" class="bar"', bars(
        "k", "t", [Bar("a", 0.5, "50%")], top=1.0
    ))  # fmt: skip
    assert share == WIDTH / 2


def test_points_stand_in_the_frame_and_names_do_not_cover_each_other() -> None:
    names = [f"attached number {i}" for i in range(5)]
    drawing = scatter("k", "t", [Point(name, "base", 1e6, 1.0, "") for name in names], "size")
    assert drawing.count("<circle") == 5
    for x, y in zip(
        _numbers(r'cx="([\d.]+)"', drawing), _numbers(r'cy="([\d.]+)"', drawing), strict=True
    ):
        assert LEFT < x < RIGHT
        assert TOP <= y <= BOTTOM
    lines = sorted(_numbers(r'y="([\d.]+)"[^>]*>attached number', drawing))
    assert all(below - above >= LINE for above, below in itertools.pairwise(lines))


def test_better_stands_higher_and_more_stands_further_right() -> None:
    few, many = Point("few", "base", 10, 0.1, ""), Point("many", "base", 1000, 0.9, "")
    drawing = scatter("k", "t", [few, many], "size")
    high, low = _numbers(r'cy="([\d.]+)"', drawing)  # the best one first
    right, left = _numbers(r'cx="([\d.]+)"', drawing)
    assert high < low
    assert left < right


def test_nothing_measured_is_said() -> None:
    assert "not measured" in scatter("k", "t", [], "size")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.9, 11, [1, 2, 5, 10]), (3e5, 3e6, [5e5, 1e6, 2e6]), (1, 1e6, [10.0**e for e in range(7)])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
