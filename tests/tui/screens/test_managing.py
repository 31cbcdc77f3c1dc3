"""Runs are named, written on, marked, discarded and brought back from Home."""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.runs.labels import labels_of
from tests.tui.at_home import here, home, rows
from tests.tui.support import FAKE_WORKER, WIDE, press, shown, told, until, words
from tui.app import ShadowApp
from tui.screens.dialogs import Choice


async def test_names_notes_and_marks_are_kept_with_the_run(place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await until(pilot, lambda: here(pilot) == "new")
        await press(pilot, "n", *"robot", "enter")
        await until(pilot, lambda: labels_of(place / "new").name == "robot")
        await press(pilot, "w", *"good", "enter")
        await press(pilot, "m")
        await until(pilot, lambda: "★ robot" in words(pilot) and "“good”" in words(pilot))
        await press(pilot, "n", "escape")  # nothing changes
        assert labels_of(place / "new").name == "robot"
        await press(pilot, "n", "backspace", "enter")
        await until(pilot, lambda: labels_of(place / "new").name == "")
        assert labels_of(place / "new").note == "good"


async def test_a_run_is_discarded_after_a_question_and_comes_back(place: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await until(pilot, lambda: here(pilot) == "new")
        assert "u" not in home(pilot).active_bindings
        await press(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await press(pilot, "enter")  # the safe answer
        assert (place / "new").exists()
        await press(pilot, "x", "y")
        await until(pilot, lambda: rows(pilot) == ["cut", "old"])
        assert not (place / "new").exists()
        assert "u brings it back" in told(pilot)
        await press(pilot, "u")
        await until(pilot, lambda: "new" in rows(pilot))
        assert (place / "new" / "run" / "events.jsonl").exists()
        assert here(pilot) == "cut"  # where it was
        await press(pilot, "x", "y")
        await until(pilot, lambda: len(rows(pilot)) == 2)
        assert len(list(place.iterdir())) == 3  # what is discarded lies hidden beside the others
    assert [path.name for path in sorted(place.iterdir())] == ["new", "old"]
