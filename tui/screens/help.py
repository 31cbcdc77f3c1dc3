"""What a page and the widget that has the focus are for, and their keys."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Markdown, Static

from tui.screens.dialogs import Dialog


def help_of(page: Screen[Any]) -> str:
    """The help of what has the focus and of what is around it, the nearest first."""
    nodes = [page] if page.focused is None else [*page.focused.ancestors_with_self]
    texts = (getattr(node, "HELP", None) or "" for node in nodes)
    found = dict.fromkeys(text.strip() for text in texts)
    return (
        "\n\n".join(filter(None, found))
        or "Nothing is written about this; `Ctrl+P` finds every action."
    )


class HelpDialog(Dialog[None]):
    """All of it in front of the page; the arrow keys turn.

    Args:
        text: As Markdown.
    """

    DEFAULT_CSS = """
    HelpDialog .dialog { width: 100; height: 96%; max-height: 96%; padding: 0 1; }
    HelpDialog VerticalScroll { height: 1fr; }
    HelpDialog Markdown { padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,enter", "cancel", "Back", show=False)]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The text, and how one leaves it."""
        with Vertical(classes="dialog"):
            with VerticalScroll():
                yield Markdown(self._text, open_links=False)
            yield Static("↑ ↓ turn · Esc: back · Ctrl+P finds every action", classes="hint")

    def on_mount(self) -> None:
        """The arrow keys turn."""
        self.query_one(VerticalScroll).focus()
