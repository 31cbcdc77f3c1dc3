"""A command as one would type it; Enter or a click copies it."""

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

    Attributes:
        command: The command line, or ``""``.
    """

    DEFAULT_CSS = """
    CommandRow { height: auto; padding: 0 1; display: none; }
    CommandRow:focus { background: $block-cursor-blurred-background; }
    """
    HELP = "# A command\n\nIt does the same in a shell. `Enter` or a click copies it.\n"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "copy", "Copy it")]

    class Copied(Message):
        """The person wants the command."""

        def __init__(self, command: str) -> None:
            super().__init__()
            self.command = command

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self.command = ""

    def show(self, command: str) -> None:
        """Another command; empty text for none."""
        self.command = command
        self.display = bool(command)
        self.update(Text.assemble(("$ ", "dim"), (visible(command), "bold")))

    def action_copy(self) -> None:
        """Ask for it to be copied."""
        if self.command:
            self.post_message(self.Copied(self.command))

    def on_click(self, event: events.Click) -> None:
        """As Enter."""
        self.action_copy()
