"""What the comparison's two views show, and when."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from tests.tui.support import FAKE_WORKER, WIDE, press, sees, shown, text, until, words
from tests.tui.test_compare import ask_all, measure_two, open_compare
from tui.app import ShadowApp
from tui.widgets.side_by_side import Column

pytestmark = pytest.mark.usefixtures("adapter")


async def test_of_what_was_measured_so_far_is_told_and_of_nothing_before() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "Measure a test file" in words(pilot))
        await press(pilot, *"long.jsonl", "enter")
        await until(pilot, lambda: "detached: answers" in words(pilot))
        assert "FIXED" not in words(pilot)
        assert "f Filter" not in words(pilot)
        await press(pilot, "escape")
        await sees(
            pilot, "partial: stopped", "FIXED", "f Filter", "p Pair", "w goes back to the prompt"
        )
        assert "type a prompt" not in words(pilot)
        await press(pilot, "w")
        await sees(pilot, "type a prompt")


async def test_numbers_stand_at_the_right_edges_of_their_columns() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await measure_two(pilot)
        lines = text(pilot).splitlines()
        at = next(i for i, line in enumerate(lines) if " exact " in line)
        ends = {line.index("1.000") + 5 for line in lines[at + 1 : at + 4]}
        assert ends == {lines[at].index("loss") + 4}


async def test_an_answer_takes_the_rows_that_it_needs() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await ask_all(pilot, "hi")
        columns = pilot.app.screen.query(Column)
        assert all(column.region.height <= 6 for column in columns)
        columns.first().query_one(Static).update("a line\n" * 200)
        await until(pilot, lambda: columns.first().region.height > 40)
        assert columns.first().region.bottom <= WIDE[1] - 1
