"""The stopwatch of starts, once for each command."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import start_up


@pytest.mark.parametrize(
    ("measure", "last", "parts"),
    [
        (start_up.of_help, "all is said", 1),
        (start_up.of_chat, "the first piece of the answer", 7),
        (start_up.of_training, "the first step is done", 5),
    ],
)
def test_parts_come_one_after_the_other(
    measure: start_up.Measure, last: str, parts: int, tmp_path: Path
) -> None:
    found = measure(tmp_path / "run")
    assert list(found)[-1] == last
    assert len(found) >= parts
    assert list(found.values()) == sorted(found.values())
    assert 1 < found[last] < 120_000


def test_rows_are_medians() -> None:
    starts = [{"loaded": 10.0, "done": 20.0}, {"loaded": 30.0, "done": 90.0}]
    assert start_up.lines("`chat`", [*starts, starts[0]]) == [
        "| `chat` | loaded | 10 |",
        "| `chat` | done | 20 |",
    ]
