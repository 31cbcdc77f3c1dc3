"""What all pages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from tui.widgets.divider import Divider
from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from tui.app import ShadowApp


DIVIDER_STEP = 2
"""Cells by which a key moves a divider."""


class Page(Screen[Any]):
    """A page with the bar of tabs above and the keys below. ``NAME`` is its name in the bar."""

    NAME: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave_field", "Leave field", show=False),
        # Keys that no field and no list takes, so that they work whatever has the focus.
        Binding("f8", "divide(-1)", "Divider left or up", show=False, id="divider-back"),
        Binding("f9", "divide(1)", "Divider right or down", show=False, id="divider-on"),
    ]

    def compose(self) -> ComposeResult:
        """The frame around :meth:`body`."""
        yield TopBar(self.NAME)
        yield from self.body()
        yield Footer(compact=True, show_command_palette=False)

    def body(self) -> ComposeResult:
        """The page itself."""
        yield from ()

    @property
    def ui(self) -> ShadowApp:
        """The application, by its own type."""
        return cast("ShadowApp", self.app)

    def action_divide(self, by: int) -> None:
        """Move the line between the panes that are shown."""
        for divider in self.query(Divider):
            if divider.is_on_screen:
                divider.move(by * DIVIDER_STEP)
                return

    def action_leave_field(self) -> None:
        """Take the focus out of a field, so that digits change the page again."""
        self.set_focus(None)
