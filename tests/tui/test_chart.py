from __future__ import annotations

import dataclasses
import re
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment

from shadow_mlx.runs.folder import RunFolder
from tests.runs.fake_run import started, story, trained, validated, write_story
from tests.tui.support import NARROW, WIDE, press, shown, text, until, words
from tui.app import ShadowApp
from tui.screens.overlays import OverlayDialog
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
        assert "log" in words(pilot)  # these losses fall far
        assert len(re.findall(r"^ *([\d.]+) ┤", text(pilot), re.M)) >= 3
        await press(pilot, "l")
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
            await press(pilot, "ctrl+left", "left")
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
        await press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, OverlayDialog))
        await press(pilot, "space", "down", "space", "down", "space", "enter")
        await until(pilot, lambda: len(chart._overlays) == 3)
        others = [(curve, name) for curve, name in chart._losses.curves if "other" in name]
        own = {chart._style(name).color for name in ("train", "shadow")}
        assert len({chart._style(name).color for _, name in others} | own) == 5
        assert {curve.mark for curve, _ in others} == {*"123"}
        assert chart._plot is not None
        assert (chart._plot.first, chart._plot.last) == (10, 100)  # the run's own length
        assert "★ best" in words(pilot)


def chart_of(pilot: Any) -> LossChart:
    return pilot.app.screen.query_one(LossChart)  # type: ignore[no-any-return]


@asynccontextmanager
async def live_run(place: Path, size: tuple[int, int], step: int = 60) -> Any:
    """A run of 300 steps, in the middle of them, whose process is this one."""
    now = time.time()
    events = [dataclasses.replace(started(300), time=now - 60), validated(0, now - 55)]
    events += [trained(i, at=now - 60 + i) for i in range(10, step + 1, 10)]
    folder = write_story(place / "mine", events)
    with RunFolder(folder).lock():
        app = ShadowApp()
        async with shown(app, size) as pilot:
            app.show_run(folder)
            await until(pilot, lambda: "▶" in words(pilot) and "┊" in text(pilot))
            yield pilot


async def test_a_run_at_work_has_an_axis_to_its_end_and_a_line_at_now(own_place: Path) -> None:
    async with live_run(own_place, WIDE) as pilot:
        chart = chart_of(pilot)
        assert chart._plot is not None
        assert (chart._plot.first, chart._plot.last) == (0, 300)
        lines = text(pilot).splitlines()
        at = {line.index("┊") for line in lines if "┊" in line}
        assert len(at) == 1
        named = next(line for line in lines if "─ attached" in line)
        assert named.index("─ attached") == at.pop() + 2  # beside the end of its line


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_curves_are_named_beside_their_ends_where_there_is_room(
    own_place: Path, size: tuple[int, int]
) -> None:
    folder = write_story(own_place / "mine", story())
    app = ShadowApp()
    async with shown(app, size) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "★" in words(pilot))
        legend = "valid o attached 0.270 x detached 0.770 train ─ ╌ ★ best"
        assert (legend in words(pilot)) == (size == NARROW)
        assert words(pilot).count("o valid attached") == (size == WIDE)
        await press(pilot, "left")  # values at the cursor
        assert "step 300 log valid o attached 0.270" in words(pilot)


async def test_what_is_shown_of_a_part_moves(own_place: Path) -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(write_story(own_place / "mine", story()))
        await until(pilot, lambda: "★" in words(pilot))
        chart = chart_of(pilot)
        await press(pilot, "shift+left")
        assert chart.look.window is None  # all of it is shown
        await press(pilot, "plus", "plus")
        first, last = chart.look.window or (0, 0)
        await press(pilot, "shift+left")
        assert chart.look.window == pytest.approx(
            (first - (last - first) / 4, last - (last - first) / 4)
        )
        await press(pilot, *["shift+right"] * 9)
        assert chart.look.window == pytest.approx((first, last))  # no further than to the end
        await press(pilot, *["shift+left"] * 99)
        assert chart.look.window is not None
        assert chart.look.window[0] == pytest.approx(chart._losses.whole[0])


async def test_runs_are_aligned_by_time_as_well(own_place: Path) -> None:
    async with live_run(own_place, WIDE) as pilot:
        chart = chart_of(pilot)
        await press(pilot, "plus", "w")
        assert "by time" in words(pilot)
        assert chart._plot is not None
        assert chart._plot.first == pytest.approx(5, abs=1)
        assert chart._plot.last == pytest.approx(60 + 24, abs=10)  # elapsed, and what is left
        assert re.search(r" 0:30 .* 1:00 ", words(pilot))
        await press(pilot, "left")
        assert re.search(r"^ 0:\d\d ", text(pilot), re.M)
        await press(pilot, "w")
        assert "by time" not in words(pilot)


async def test_what_is_chosen_of_the_axis_is_remembered_and_what_is_not_stays_open(
    own_place: Path,
) -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(write_story(own_place / "mine", story()))
        await until(pilot, lambda: "loss log" in words(pilot))
        await press(pilot, "m")
        assert app.state.chart == {"smoothing": 0.6}
        await press(pilot, "l")
        assert app.state.chart == {"log": False, "smoothing": 0.6}
    again = ShadowApp()
    async with shown(again, WIDE) as pilot:
        again.show_run(own_place / "mine")
        await until(pilot, lambda: "loss smooth 0.6" in words(pilot))
