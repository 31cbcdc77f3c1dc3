"""The first line of every page: where one is, and where one can go, by key or by click."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.widget import Widget

NAME = " shadow-mlx "
MARKED = "deliver"
"""The page of what the mark is about."""


class TopBar(Widget):
    """Tabs of the pages. The current one is in brackets, so that no colour is needed.

    Textual's ``Tabs`` switch what one screen shows; here every page is a screen of its own, with
    this line in each. Theirs would be seven copies of nine widgets (30 ms of processor time a
    page, measured), take the focus and a second line, which 24 have not to spare, and change the
    mark of the page that is left by a click.

    Args:
        current: The page that it stands on.
        pages: All pages, in the order of their digits.
    """

    DEFAULT_CSS = """
    TopBar { dock: top; height: 1; background: $panel; color: $foreground; }
    """

    def __init__(self, current: str, pages: Sequence[str]) -> None:
        super().__init__()
        self._current, self._pages = current, pages
        self._marks: Sequence[str] = ()

    def show(self, pages: Sequence[str]) -> None:
        """There may be other pages by now."""
        self._pages = pages
        self.refresh()

    def mark(self, marks: Sequence[str]) -> None:
        """What stands at the end of the line: the first of these that fits."""
        if marks != self._marks:
            self._marks = marks
            self.refresh()

    def render(self) -> Text:
        """One line; narrow screens leave the program's name out."""
        text = Text(no_wrap=True)
        text.append(self._program, "bold")
        for page, label in self._labels():
            text.append(label, "bold reverse" if page == self._current else "")
        room = self.size.width - text.cell_len
        if (mark := self._mark(room)) is not None:
            text.append(f"{mark} ".rjust(room) if cell_len(mark) < room else mark, "bold")
        return text

    def _mark(self, room: int) -> str | None:
        return next((mark for mark in self._marks if cell_len(mark) <= room), None)

    @property
    def _program(self) -> str:
        return NAME if self.app.size.width >= 90 else ""

    def _labels(self) -> list[tuple[str, str]]:
        """Each page with what stands for it."""
        named = [(page, f"{i} {page.title()}") for i, page in enumerate(self._pages, 1)]
        return [
            (page, f"[{name}]" if page == self._current else f" {name} ") for page, name in named
        ]

    def on_click(self, event: events.Click) -> None:
        """Go to the page that was clicked."""
        x = event.x - len(self._program)
        if x >= sum(len(label) for _, label in self._labels()) and self._marks:
            self.app.call_later(self.app.run_action, f"go('{MARKED}')")
            return
        for page, label in self._labels():
            if 0 <= x < len(label):
                self.app.call_later(self.app.run_action, f"go('{page}')")
                return
            x -= len(label)
