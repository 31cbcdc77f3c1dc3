"""The themes, to choose one by seeing it."""

from __future__ import annotations

from textual import on
from textual.await_complete import AwaitComplete
from textual.command import Command, CommandPalette
from textual.theme import ThemeProvider
from textual.widgets import Input, OptionList


class ThemePalette(CommandPalette):
    """Textual's list of themes, in which the one under the cursor is on the screen already.

    The first one is highlighted from the beginning: it is shown when somebody has moved or typed.
    """

    def __init__(self) -> None:
        super().__init__(
            providers=[ThemeProvider], placeholder="a theme (arrows show it, Enter keeps it)"
        )
        self._moved = False

    def on_mount(self) -> None:
        """Remember what there was."""
        self._before = self.app.theme

    @on(OptionList.OptionHighlighted)
    def _show(self, event: OptionList.OptionHighlighted) -> None:
        self._moved |= event.option_index > 0 or bool(self.query_one(Input).value)
        if self._moved and isinstance(event.option, Command):
            self.app.theme = event.option.hit.text or self.app.theme

    def dismiss(self, result: None = None) -> AwaitComplete:
        """All as it was; what was chosen is put on by its own command, which comes now."""
        self.app.theme = self._before
        return super().dismiss(result)
