"""One prompt's answers beside each other, with their names or, for a blind vote, without."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import ScrollableContainer, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from shadow_mlx import words
from shadow_mlx.evaluation.contenders import ORDER
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.views import comparison

LETTERS = string.ascii_uppercase[:9]
"""Columns that a key votes for; a click votes for any."""


NARROWEST = 24
"""Cells of a column below which the row of columns scrolls."""

STACKED = 110
"""Cells of width below which the columns stand one above the other."""


class Column(VerticalScroll):
    """One answer, with what it took."""

    DEFAULT_CSS = """
    Column { width: 1fr; height: auto; min-height: 6; max-height: 100%; padding: 0 1; }
    Column { border: round $panel-lighten-2; }
    Column:focus { border: round $primary; }
    Column { border-title-style: bold; border-title-color: $foreground; }
    Column.-base { border-title-color: $way-base; }
    Column.-attached { border-title-color: $way-attached; }
    Column.-detached { border-title-color: $way-detached; }
    Column.-other { border-title-color: $way-other-1; }
    """

    class Picked(Message):
        """It was clicked."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def compose(self) -> ComposeResult:
        """The answer."""
        yield Static(markup=False)

    def show(self, title: str, subtitle: str, content: str | Text, way: str = "") -> None:
        """Put everything in; ``way`` is whose colour the title has."""
        for one in (*ORDER, "other"):
            self.set_class(one == way, f"-{one}")
        self.border_title = Text(title)
        self.border_subtitle = Text(subtitle)
        self.query_one(Static).update(content)

    def on_click(self, event: events.Click) -> None:
        """Tell which one."""
        self.post_message(self.Picked(self.place))


class SideBySide(Vertical):
    """A column for each contender, and the votes below.

    Attributes:
        order: The contenders' names from left to right; shuffled while they are hidden.
        answers: What they said, by name.
        hidden: Whether the names are kept back until the vote.
    """

    DEFAULT_CSS = """
    SideBySide { height: 1fr; }
    SideBySide #columns { height: 1fr; layout: horizontal; }
    SideBySide.-crowded Column { width: 30; }
    SideBySide.-stacked #columns { layout: vertical; }
    SideBySide.-stacked Column { width: 1fr; max-height: 14; }
    SideBySide #tally { height: auto; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.answers: dict[str, m.Answered] = {}
        self.hidden = False
        self._reference = ""  # the name that the others' differences are marked against
        self._names: list[str] = []
        self._ways: dict[str, str] = {}
        self._tally: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        """Columns come with :meth:`seat`."""
        yield ScrollableContainer(id="columns", can_focus=False)
        yield Static(id="tally", markup=False)

    async def seat(self, names: Sequence[str], reference: str, modes: Sequence[str]) -> None:
        """One column for each of these, who answer in these modes; what was said before goes."""
        self._ways = {
            name: mode if mode in ORDER else "other"
            for name, mode in zip(names, modes, strict=True)
        }
        columns = self.query_one("#columns")
        await columns.remove_children()
        await columns.mount_all(Column(place) for place in range(len(names)))
        self._names, self._reference, self._tally = list(names), reference, {}
        self.begin(blind=False)
        self._arrange()

    def on_resize(self) -> None:
        """Other columns fit."""
        self._arrange()

    def _arrange(self) -> None:
        """Beside each other, in a row that scrolls when they are many; stacked where it is narrow.

        A column that shares the width cannot be kept from vanishing when there are too many.
        """
        stacked = self.size.width < STACKED
        self.set_class(stacked, "-stacked")
        crowded = len(self._names) * NARROWEST > self.size.width
        self.set_class(crowded and not stacked, "-crowded")

    def begin(self, *, blind: bool) -> None:
        """Empty columns for a new prompt, in random order without names when blind."""
        self.order, self.answers, self.hidden = list(self._names), {}, blind
        if blind:
            random.shuffle(self.order)
        self.draw()

    def hear(self, name: str, text: str) -> None:
        """An answer as far as it has come; blind, who comes first would tell who it is."""
        if name in self.order and not self.hidden:
            column = self.query(Column)[self.order.index(name)]
            column.query_one(Static).update(visible(text))

    def keep(self, name: str, answer: m.Answered) -> None:
        """A whole answer."""
        self.answers[name] = answer
        self.draw()

    @property
    def can_vote(self) -> bool:
        """Whether every answer is there and their names are hidden."""
        return self.hidden and 0 < len(self.order) == len(self.answers)

    def vote(self, place: int) -> str | None:
        """Count a vote and show the names; returns whose answer it was."""
        if not self.can_vote or place >= len(self.order):
            return None
        name = self.order[place]
        self._tally[name] = self._tally.get(name, 0) + 1
        self.hidden = False
        self.draw()
        return name

    def reveal(self) -> None:
        """Show the names without a vote: not everybody answered."""
        self.hidden = False
        self.draw()

    def draw(self) -> None:
        """Names, costs and marked differences, as far as they may be seen."""
        reference = self.answers.get(self._reference)
        for place, (name, column) in enumerate(zip(self.order, self.query(Column), strict=True)):
            letter, answer = letter_of(place), self.answers.get(name)
            if self.hidden:
                column.show(letter, "", visible(answer.text) if answer and self.can_vote else "")
            elif answer is None:
                column.show(f"{letter} {visible(name)}", "", "", self._ways[name])
            else:
                shown = Text(visible(answer.text))
                if reference is not None and name != self._reference:
                    shown = comparison.differing(visible(reference.text), shown.plain)
                title = f"{letter} {visible(name)}"
                column.show(title, _cost(answer), shown, self._ways[name])
        said = self._votes()
        self.query_one("#tally", Static).update(said)
        self.query_one("#tally").display = bool(said)

    def _votes(self) -> str:
        if self.can_vote:
            keys = ", ".join(letter_of(place).lower() for place in range(len(self.order)))
            return f"Which answer is the best? {keys}"
        if not self._tally:
            return ""
        return "votes: " + " · ".join(
            f"{visible(name)} {self._tally.get(name, 0)}" for name in self._names
        )


def letter_of(place: int) -> str:
    """The letter of a column, or its number where letters end."""
    return LETTERS[place] if place < len(LETTERS) else str(place + 1)


def _cost(answer: m.Answered) -> str:
    return (
        f"{answer.tokens} tok · {answer.generation_tps:,.0f}/s · {words.size(answer.memory_bytes)}"
    )
