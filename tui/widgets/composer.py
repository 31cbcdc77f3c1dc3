"""Where a message is written: Enter sends, Ctrl+J begins a new line."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea


class Composer(TextArea):
    """A field of a few lines that grows with its text."""

    HELP = """\
# Message

`Enter` sends, `Ctrl+J` begins a new line. `Escape` stops an answer, or leaves the field so that
digits change the page.
"""
    DEFAULT_CSS = """
    Composer { height: auto; min-height: 1; max-height: 6; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j", "new_line", "New line", show=False),
        # A text area would select everything; here as everywhere it changes the page.
        Binding("f7", "app.go('compare')", show=False),
    ]

    class Shortcut(Message):
        """The person pressed one of the :attr:`shortcuts` in the empty field."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Sent(Message):
        """The person sent a message, or pressed Enter without one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    shortcuts: tuple[str, ...] = ()
    """Letters that stand for whole messages, as long as the field is empty."""

    async def _on_key(self, event: events.Key) -> None:
        if not self.text and event.character and event.character in self.shortcuts:
            event.prevent_default()
            event.stop()
            self.post_message(self.Shortcut(event.character))
            return
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            text = self.text.strip()
            self.clear()  # now: what is typed next is another message
            self.post_message(self.Sent(text))
            return
        await super()._on_key(event)

    def action_new_line(self) -> None:
        """Begin a new line."""
        self.insert("\n")

    def write(self, text: str) -> None:
        """Have this text in the field, to be written on."""
        self.text = text
        self.move_cursor(self.document.end)
        self.focus()
