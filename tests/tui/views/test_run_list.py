"""The list of runs: order, filter, columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from shadow_mlx.runs.labels import Labels
from shadow_mlx.runs.listing import RunSummary
from tui.views.run_list import COLUMNS, MARKED, ORDERS, Column, headline, matching, ordered, table

CHANGED = ORDERS[0]


def summary(name: str, **changes: object) -> RunSummary:
    one = RunSummary(
        folder=Path("/of-a-test") / name, status="done", step=10, total_steps=20, train_loss=1.0,
        best_loss=0.5, losses=(2.0, 1.0), backbone="models/sprout", changed=100.0,
        has_adapter=True, death="", labels=Labels(),
    )  # fmt: skip
    return dataclasses.replace(one, **changes)  # type: ignore[arg-type]  # of a test's choosing


RUNS = [
    summary("a", best_loss=None, changed=3.0),
    summary("b", step=5, labels=Labels("zebra", "for Anna", marked=True), changed=2.0),
    summary("c", best_loss=0.25, status="failed", changed=1.0),
]


def names(runs: list[RunSummary]) -> str:
    return "".join(run.folder.name for run in runs)


@pytest.mark.parametrize(
    ("title", "order"),
    [("Changed", "abc"), ("State", "abc"), ("Run", "acb"), ("Steps", "acb"), ("Best loss", "cba"),
     ("Model", "abc")],
)  # fmt: skip
def test_it_is_sorted_by_each_column(title: str, order: str) -> None:
    assert names(ordered(RUNS[::-1], column(title))) == order


def column(title: str) -> Column:
    return next(one for one in COLUMNS if one.title == title)


def test_marked_runs_come_first_if_asked() -> None:
    assert names(ordered(RUNS, MARKED)) == "bac"
    assert len(set(ORDERS)) == len(ORDERS)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", "abc"), ("anna", "b"), ("ZEBRA don", "b"), ("failed", "c"), ("sprout", "abc"), ("q", "")],
)
def test_it_is_filtered_by_all_that_is_said_of_a_run(wanted: str, found: str) -> None:
    assert names(matching(RUNS, wanted)) == found


def test_numbers_stand_right_and_the_best_is_bold() -> None:
    shown = table(RUNS, CHANGED, width=200, now=3.0)
    by_title = {title.plain.split(" ↓")[0]: i for i, title in enumerate(shown.titles)}
    assert list(by_title) == [one.title for one in COLUMNS]
    best = [row[by_title["Best loss"]] for row in shown.rows]
    assert [(cell.plain, str(cell.style), cell.justify) for cell in best] == [
        ("–", "", "right"), ("0.500", "", "right"), ("0.250", "bold", "right"),
    ]  # fmt: skip
    called = [row[by_title["Run"]].plain.rpartition("/")[2] for row in shown.rows]
    assert called == ["a", "★ zebra", "c"]
    assert [str(row[by_title["State"]].spans[0].style) for row in shown.rows] == [
        "good", "good", "bad",
    ]  # fmt: skip


def test_what_is_spare_goes_first_where_there_is_no_room() -> None:
    def titles(width: int) -> list[str]:
        shown = table(RUNS, CHANGED, width=width, now=3.0)
        return [title.plain for title in shown.titles]

    assert titles(20) == ["State", "Run", "Steps", "Best loss", "Changed ↓"]
    assert "Model" in titles(64)
    assert "Losses" not in titles(64)
    assert "Losses" in titles(80)
    long = [summary("x" * 300)]
    (row,) = table(long, CHANGED, width=80, now=3.0).rows
    assert len(row[1]) < 40


def test_the_headline_tells_what_is_left_out() -> None:
    assert headline(1, 1, 1, CHANGED, "") == "1 run, the newest first"
    assert headline(50, 50, 73, column("Best loss"), "") == "the newest 50 of 73 runs, by best loss"
    assert headline(2, 9, 9, CHANGED, "x") == "2 of 9 runs with “x” (Escape shows all)"
