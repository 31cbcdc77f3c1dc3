"""Placeholder."""

from textual.widgets import Static

from tui.screens.base import Page


class ChatScreen(Page):
    """Placeholder."""

    NAME = "chat"

    def body(self):
        """Placeholder."""
        yield Static("soon")


PAGE = ChatScreen
