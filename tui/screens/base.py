"""What all pages have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from tui.app import ShadowApp


class Page(Screen[Any]):
    """A page with the bar of tabs above and the keys below. ``NAME`` is its name in the bar."""

    NAME: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave_field", "Leave field", show=False),
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

    def action_leave_field(self) -> None:
        """Take the focus out of a field, so that digits change the page again."""
        self.set_focus(None)
