"""Only runs that changed are read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow_mlx.runs.labels import relabel
from tests.runs.fake_run import story, write_story
from tui.screens import run_finder
from tui.screens.run_finder import RunFinder


def test_only_what_changed_is_read_again(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (write_story(own_place / name, story(20)) for name in "ab")
    read: list[str] = []
    summarise = run_finder.summarise
    monkeypatch.setattr(
        run_finder, "summarise", lambda *given: (read.append(given[0].name), summarise(*given))[1]
    )
    finder = RunFinder()
    assert (finder.find(()).there, sorted(read)) == (2, ["a", "b"])
    finder.find(())
    assert len(read) == 2
    relabel(one, name="robot")
    assert {run.labels.name for run in finder.find(()).runs} == {"robot", ""}
    os.utime(other / "run" / "events.jsonl", (1, 1))
    finder.find(())
    assert read[2:] == ["a", "b"]
    monkeypatch.setattr(run_finder, "MOST", 1)
    found = finder.find(())
    assert (len(found.runs), found.there) == (1, 2)
