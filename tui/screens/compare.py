"""Placeholder."""

from textual.widgets import Static

from tui.screens.base import Page


class CompareScreen(Page):
    """Placeholder."""

    NAME = "compare"

    def body(self):
        """Placeholder."""
        yield Static("soon")


PAGE = CompareScreen
