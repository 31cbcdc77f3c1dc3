from __future__ import annotations

import re

import pytest
from rich.segment import Segment

from tests.runs.fake_run import story, write_story
from tests.tui.support import NARROW, WIDE, press, shown, text, until, words
from tui.app import ShadowApp
from tui.widgets.chart import LossChart, _replaced
from tui.widgets.lines import Lines


@pytest.mark.parametrize(("column", "text"), [(0, "│bcde"), (2, "ab│de"), (4, "abcd│")])
def test_one_cell_is_exchanged(column: int, text: str) -> None:
    pieces = [Segment("abc"), Segment("de")]
    found = _replaced(pieces, column, Segment("│"))
    assert "".join(piece.text for piece in found) == text


async def test_lines_are_as_wide_as_the_chart_with_and_without_a_cursor(own_place) -> None:
    folder = write_story(own_place / "mine", story())
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "★" in words(pilot))
        chart = app.screen.query_one(LossChart)
        for _ in range(3):
            drawn = chart.render()
            assert isinstance(drawn, Lines)
            widths = {Segment.get_line_length(line) for line in drawn._lines[1:]}
            assert widths == {chart.size.width}
            assert len(drawn._lines) == chart.size.height
            await press(pilot, "left")


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_axes_have_round_numbers(own_place, size: tuple[int, int]) -> None:
    folder = write_story(own_place / "mine", story())
    app = ShadowApp()
    async with shown(app, size) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "★" in words(pilot))
        ticks = re.findall(r"^ *([\d.]+) ┤", text(pilot), re.M)
        assert len(ticks) >= 3
        assert (
            len({len(tick.partition(".")[2]) for tick in ticks}) == 1
        )  # the points stand in a row
        assert all(float(tick) % 0.25 == 0 for tick in ticks)
        steps = next(line for line in text(pilot).splitlines() if re.search(r"  100 .* 200 ", line))
        assert [int(step) for step in re.findall(r"\d+", steps.split("│")[0])][-1] == 300


async def test_the_cursor_tells_a_step_that_there_are_values_of(own_place) -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(write_story(own_place / "mine", story()))
        await until(pilot, lambda: "★" in words(pilot))
        for _ in range(3):
            await press(pilot, "shift+left", "left")
            step = re.search(r"step (\d+) ", text(pilot))
            assert step
            assert int(step[1]) in range(10, 301, 10)  # where it reported, and a space behind


async def test_runs_laid_over_have_marks_and_colours_of_their_own(own_place) -> None:
    mine = write_story(own_place / "mine", story(100))
    for name in ("one", "two", "three"):
        write_story(own_place / name, story(1000))
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(mine)
        await until(pilot, lambda: "★" in words(pilot))
        chart = app.screen.query_one(LossChart)
        for count in (1, 2, 3):
            await press(pilot, "o")
            await until(pilot, lambda count=count: len(chart._overlays) == count)
        styles = {chart._style(name).color for _, name in chart._curves() if "other" in name}
        assert len(styles) == 3
        assert {curve.mark for curve, name in chart._curves() if "other" in name} == {*"123"}
        assert chart._plot is not None
        assert (chart._plot.first, chart._plot.last) == (10, 100)  # the run's own length
        assert "★ best" in words(pilot)
