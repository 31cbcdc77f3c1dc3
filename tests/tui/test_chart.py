from __future__ import annotations

import pytest
from rich.segment import Segment

from tests.runs.fake_run import story, write_story
from tests.tui.support import WIDE, press, shown, until, words
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
