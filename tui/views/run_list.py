"""The list of runs: which of them are shown, in which order, and what each cell says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from shadow_mlx.runs.listing import SPARK, RunSummary, ago
from shadow_mlx.terminal import visible
from tui.views.palette import OF_STATES
from tui.views.words import SIGNS, holds, short, sparkline

LONGEST_NAME = 34
"""Cells of a name in the list; a longer one loses its middle."""

GAP = 2
"""Cells beside each column."""


@dataclass(frozen=True)
class Column:
    """One column. ``key`` sorts by it, ``falling`` with the largest first; ``number``s stand right.

    What is ``spare`` is there where the others leave it room.
    """

    title: str
    key: Callable[[RunSummary], Any] | None = None
    falling: bool = False
    number: bool = False
    spare: bool = False


COLUMNS = (
    Column("State", key=lambda run: run.status),
    Column("Run", key=lambda run: name_of(run).casefold()),
    Column("Steps", key=lambda run: run.step, falling=True, number=True),
    Column("Best loss", key=lambda run: _or_last(run.best_loss), number=True),
    Column("Losses", spare=True),
    Column("Model", key=lambda run: run.backbone.casefold(), spare=True),
    Column("Changed", key=lambda run: run.changed, falling=True, number=True),
)
MARKED = Column("★", key=lambda run: not run.labels.marked)
"""No column of its own: the marked ones first."""

ORDERS = (
    next(one for one in COLUMNS if one.title == "Changed"),
    *(one for one in COLUMNS if one.key is not None and one.title != "Changed"),
    MARKED,
)
"""What the list may be sorted by, in turn; the first is how it begins."""


@dataclass(frozen=True)
class Table:
    """What stands in the list: the titles, and the cells of each run."""

    titles: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]

    @property
    def said(self) -> tuple[Any, ...]:
        """What can be compared: a text is equal to another one whatever its style."""
        return tuple((cell.plain, cell.style) for row in (self.titles, *self.rows) for cell in row)


def name_of(run: RunSummary) -> str:
    """What a person calls the run, else its folder, as short as it is unambiguous here."""
    return run.labels.name or place_of(run)


def place_of(run: RunSummary) -> str:
    """The run's folder as one would type it here."""
    try:
        return str(run.folder.relative_to(Path.cwd()))
    except ValueError:
        return f"{run.folder.parent.name}/{run.folder.name}"


def matching(runs: Sequence[RunSummary], wanted: str) -> list[RunSummary]:
    """The runs of which something begins with, or holds, each of the words."""
    return [run for run in runs if holds(_said_of(run), wanted)]


def ordered(runs: Sequence[RunSummary], by: Column) -> list[RunSummary]:
    """The runs in an order; those that are alike in it as they were, the newest first."""
    newest = sorted(runs, key=lambda run: run.changed, reverse=True)
    return sorted(newest, key=by.key, reverse=by.falling) if by.key is not None else newest


def table(runs: Sequence[RunSummary], by: Column, *, width: int, now: float) -> Table:
    """The list as it is shown.

    Args:
        runs: What is shown, in this order.
        by: What they are sorted by.
        width: Cells that there are.
        now: The time, in seconds since the epoch.
    """
    cells = [{title: visible(cell) for title, cell in _cells(run, now).items()} for run in runs]
    columns = _fitting(cells, by, width)
    best = min((run.best_loss for run in runs if run.best_loss is not None), default=None)
    titles = tuple(
        Text(_titled(one, by), justify="right" if one.number else "left") for one in columns
    )
    rows = []
    for run, said in zip(runs, cells, strict=True):
        row = []
        for column in columns:
            text = Text(said[column.title], justify="right" if column.number else "left")
            if column.title == "Best loss" and run.best_loss is not None and run.best_loss == best:
                text.style = "bold"
            elif column.title == "State" and (meaning := OF_STATES.get(run.status)):
                text.stylize(meaning, 0, 1)
            row.append(text)
        rows.append(tuple(row))
    return Table(titles, tuple(rows))


def headline(shown: int, found: int, there: int, by: Column, wanted: str) -> str:
    """What is listed, in a few words.

    Args:
        shown: Runs in the list.
        found: Runs that were looked at.
        there: Runs that there are.
        by: What they are sorted by.
        wanted: What they are filtered by.
    """
    of = f"the newest {found} of {there:,}" if there > found else f"{found}"
    many = "run" if found == 1 else "runs"
    if wanted:
        return f"{shown} of {of} {many} with “{wanted}” (Escape shows all)"
    how = "the marked ones first" if by is MARKED else f"by {by.title.lower()}"
    return f"{of} {many}, {'the newest first' if by is ORDERS[0] else how}"


def _fitting(cells: Sequence[dict[str, str]], by: Column, width: int) -> list[Column]:
    """The columns that there is room for, each as wide as the widest of its cells."""
    wide = {
        one.title: GAP + max([cell_len(row[one.title]) for row in cells] + [len(_titled(one, by))])
        for one in COLUMNS
    }
    shown = {one.title for one in COLUMNS if not one.spare}
    room = width - sum(wide[title] for title in shown)
    for one in reversed(COLUMNS):  # the model before the curve
        if one.spare and wide[one.title] <= room:
            shown.add(one.title)
            room -= wide[one.title]
    return [one for one in COLUMNS if one.title in shown]


def _cells(run: RunSummary, now: float) -> dict[str, str]:
    name = name_of(run)
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME // 2 - 1]}…{name[-LONGEST_NAME // 2 :]}"
    return {
        "State": f"{SIGNS[run.status]} {run.status}",
        "Run": f"★ {name}" if run.labels.marked else name,
        "Steps": f"{run.step:,}/{run.total_steps:,}" if run.total_steps else "–",
        "Best loss": short(run.best_loss) if run.best_loss is not None else "–",
        "Losses": sparkline(run.losses, SPARK),
        "Model": run.backbone.rstrip("/").rpartition("/")[2],
        "Changed": ago(now - run.changed),
    }


def _titled(column: Column, by: Column) -> str:
    """A column's title, with an arrow where the list is sorted by it."""
    if column is not by:
        return column.title
    return f"{column.title} {'↓' if by.falling else '↑'}"


def _said_of(run: RunSummary) -> str:
    parts = (run.labels.name, place_of(run), run.status, run.backbone, run.labels.note)
    return " ".join(parts)


def _or_last(value: float | None) -> float:
    return float("inf") if value is None else value
