"""Placeholder."""

from textual.widgets import Static

from tui.screens.base import Page


class DataScreen(Page):
    """Placeholder."""

    NAME = "data"

    def body(self):
        """Placeholder."""
        yield Static("soon")


PAGE = DataScreen
