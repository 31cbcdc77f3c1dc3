"""Figures with their names, a line for each, the values at the right edge."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from tui.views.run_facts import Fact, in_lines


class FactList(Widget):
    """As wide as its place; without figures it takes none."""

    DEFAULT_CSS = """
    FactList { height: auto; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: list[Fact] = []
        self.display = False

    def show(self, facts: Sequence[Fact]) -> None:
        """Show these."""
        if facts == self._facts:
            return
        self.display, more = bool(facts), len(facts) != len(self._facts)
        self._facts = list(facts)
        self.refresh(layout=more)

    def render(self) -> Text:
        """A line for each."""
        return in_lines(self._facts, self.size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as figures."""
        return len(self._facts)
