"""Placeholder."""

from textual.widgets import Static

from tui.screens.base import Page


class ModelsScreen(Page):
    """Placeholder."""

    NAME = "models"

    def body(self):
        """Placeholder."""
        yield Static("soon")


PAGE = ModelsScreen
