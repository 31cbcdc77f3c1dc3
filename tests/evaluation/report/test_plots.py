from __future__ import annotations

import itertools

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


def test_bars_are_as_long_as_their_values() -> None:
    rows = [Bar("a", 0.5, "50%"), Bar("b", 2.0, "200%"), Bar("c", None, "–")]
    assert [bar.length for bar in bars("k", "t", rows).bars] == [WIDTH / 4, WIDTH, 0]
    assert bars("k", "t", rows[:1], top=1.0).bars[0].length == WIDTH / 2


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
def test_points_stand_in_the_frame_and_names_do_not_cover_each_other(share: float) -> None:
    names = [f"attached number {i}" for i in range(5)]
    drawing = scatter("k", "t", [Point(name, "base", 1e6, share, "") for name in names], "size")
    assert len(drawing.points) == 5
    for _, x, y in drawing.points:
        assert LEFT < x < RIGHT
        assert TOP <= y <= BOTTOM
    lines = sorted(text.y for text in drawing.texts if text.words in names)
    assert len(lines) == 5
    assert lines[0] > TOP
    assert lines[-1] < BOTTOM  # where the axis has its own words
    assert all(below - above >= LINE for above, below in itertools.pairwise(lines))


def test_better_stands_higher_and_more_stands_further_right() -> None:
    few, many = Point("few", "base", 10, 0.1, ""), Point("many", "base", 1000, 0.9, "")
    (_, right, high), (_, left, low) = scatter("k", "t", [few, many], "size").points  # best first
    assert high < low
    assert left < right


def test_intervals_are_as_wide_as_they_are() -> None:
    drawing = bars("k", "t", [Bar("a", 0.5, "50%", (0.25, 0.75)), Bar("b", 1.0, "1")], top=1.0)
    assert drawing.whiskers[0] == f"M{WIDTH / 4:g} 23.5H{WIDTH * 3 / 4:g}"
    assert len(drawing.whiskers) == 3  # the line and its ends; none for the other bar
    points = [Point(name, "lora", 1e6, 0.5, "", (0.0, 1.0)) for name in "ab"]
    plot = scatter("k", "t", [*points, Point("c", "base", 1e6, 0.5, "")], "size")
    assert [whisker.split(" ")[1] for whisker in plot.whiskers] == [f"{TOP:g}V{BOTTOM:g}"] * 2
    assert len({x for _, x, _ in plot.points}) == 1  # an interval moves nothing


def test_an_axis_is_written_as_it_is_measured() -> None:
    plot = scatter("k", "t", [Point("a", "base", 4e6, 0.5, "")], "memory", lambda n: f"{n:g} B")
    assert "5e+06 B" in [text.words for text in plot.texts]


def test_nothing_measured_is_said() -> None:
    assert scatter("k", "t", [], "size").said == ""


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.9, 11, [1, 2, 5, 10]), (3e5, 3e6, [5e5, 1e6, 2e6]), (1, 1e6, [10.0**e for e in range(7)])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
