"""What stands in the lines above a run's chart, and what a list is narrowed by."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.runs.record import EventReader
from tests.runs.fake_run import sampled, started, story, write_story
from tui.views.words import bar, holds, short, sparkline, summary


@pytest.mark.parametrize("width", [78, 118, 400])
def test_a_summary_has_a_line_or_breaks_before_what_to_do(own_place: Path, width: int) -> None:
    view = EventReader(write_story(own_place / "mine", story())).read_all()
    said = summary(view, "done", ("chat", "compare", "export"), width)
    lines = said.splitlines()
    assert len(lines) == (1 if width == 400 else 2)
    assert all(len(line) <= width for line in lines)
    assert lines[-1].endswith(
        "c chat with it, v see what detaching costs, e export it, t train again"
    )
    assert lines[0].startswith(
        "30 s, 300 steps · best validation loss 0.270 at step 300 · detached"
    )


def test_a_summary_names_what_can_be_done_alone(own_place: Path) -> None:
    view = EventReader(write_story(own_place / "cut", [started(300), sampled(150)])).read_all()
    assert summary(view, "interrupted", (), 80) == "t train again"
    assert summary(view, "interrupted", ("resume",), 80) == "r goes on from step 0"
    assert summary(view, "empty", ("chat",), 80) == ""


@pytest.mark.parametrize(
    ("wanted", "holds_it"),
    [("", True), ("ÉT", True), ("b été", True), ("ab", False), ("a x", False)],
)
def test_a_text_holds_every_word_in_any_case(wanted: str, holds_it: bool) -> None:
    assert holds("a Été b", wanted) is holds_it


def test_numbers_bars_and_curves_are_as_long_as_their_room() -> None:
    assert short(0.12345) == "0.123"
    assert bar(0.5, 8) == "━━━━╌╌╌╌"
    assert len(sparkline([3.0, 2.0, 1.0, 0.5] * 9, 10)) == 10
