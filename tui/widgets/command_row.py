"""A command, or an address, as one would type it; Enter or a click copies it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from shadow_mlx.terminal import visible


class CommandRow(Static, can_focus=True):
    """A command that can be taken along; without one it is not there.

    Args:
        id: Of the widget.
        sign: What stands before it.
        what: What it is called when it is copied.

    Attributes:
        command: The command line, or ``""``.
    """

    DEFAULT_CSS = """
    CommandRow { height: auto; padding: 0 1; display: none; }
    CommandRow:focus { background: $block-cursor-blurred-background; }
    """
    HELP = "# A command\n\nFor a shell, or an address for a client. `Enter` or a click copies it.\n"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "copy", "Copy it")]

    class Copied(Message):
        """The person wants the command."""

        def __init__(self, command: str, what: str) -> None:
            super().__init__()
            self.command, self.what = command, what

    def __init__(self, *, id: str, sign: str = "$ ", what: str = "The command") -> None:
        super().__init__(id=id, markup=False)
        self.command = ""
        self._sign, self._what = sign, what

    def show(self, command: str) -> None:
        """Another command; empty text for none."""
        self.command = command
        self.display = bool(command)
        self.update(Text.assemble((self._sign, "dim"), (visible(command), "bold")))

    def action_copy(self) -> None:
        """Ask for it to be copied."""
        if self.command:
            self.post_message(self.Copied(self.command, self._what))

    def on_click(self, event: events.Click) -> None:
        """As Enter."""
        self.action_copy()
