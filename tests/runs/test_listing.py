"""Which runs there are, and what a line says of each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow_mlx.runs.events import Event, PhaseChanged, RunEnded
from shadow_mlx.runs.listing import (
    SPARK,
    adapters_of_runs,
    ago,
    find_runs,
    means,
    summarise,
)
from tests.runs.fake_run import started, story, trained, validated, write_story


def test_a_line_of_a_list_holds_few_losses(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "mine", [trained(i) for i in range(1, 1001)])
    assert len(summarise(folder).losses) == SPARK


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ([RunEnded(1.0, "stopped", 10, None, None, 1.0)], "stopped"),
        ([RunEnded(1.0, "stopped", 10, None, None, 1.0), PhaseChanged(2.0, "loading")],
         "interrupted"),
        ([], "interrupted"),
    ],
)  # fmt: skip
def test_a_line_says_how_far_a_run_is(tmp_path: Path, last: list[Event], status: str) -> None:
    begun = [started(100), trained(10), validated(10)]
    run = summarise(write_story(tmp_path, [*begun, *last]))
    assert (run.status, run.step, run.total_steps, run.backbone) == (status, 10, 100, "sprout")
    assert (run.train_loss, run.best_loss) == (begun[1].loss, begun[2].loss)
    assert summarise(tmp_path / "nothing").status == "empty"


def test_runs_are_found_wherever_they_are_known_the_newest_first(tmp_path: Path) -> None:
    folders = [write_story(tmp_path / name, story(20)) for name in ("a/b/c", "d", "e/.f", "g/run")]
    for age, folder in enumerate(folders):
        os.utime(folder / "run" / "events.jsonl", (age, age))
    write_story(tmp_path / "too/deep/down/here", [])
    known = [str(folders[2]), "x" * 5000, "a/" * 5000, "~nobody/x", "", "caf\udce9", "a\0b"]
    assert find_runs(known, tmp_path) == [folder.resolve() for folder in folders[::-1]]
    assert find_runs(known, tmp_path / "nowhere") == [folders[2].resolve()]
    (folders[1] / "adapter_config.json").write_text("{}")
    assert adapters_of_runs((), tmp_path) == [str(folders[1].resolve())]


def test_a_curve_in_few_means() -> None:
    assert means([1, 3, float("nan"), 5, 7], 2) == [2, 6]
    assert means([], 3) == means([float("inf")], 3) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "just now"), (59, "just now"), (61, "1 min ago"), (3 * 3600, "3 h ago"),
     (49 * 3600, "2 days ago"), (1e300, "")],
)  # fmt: skip
def test_how_long_ago(seconds: float, words: str) -> None:
    assert ago(seconds) == words
