"""What all pages have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Footer, TextArea

from tui.widgets.divider import Divider
from tui.widgets.field import Field
from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from tui.app import ShadowApp

Answer = TypeVar("Answer")

DIVIDER_STEP = 2
"""Cells by which a key moves a divider."""


class Page(Screen[Any]):
    """A page with the bar of tabs above and the keys below.

    ``NAME`` is its name in the bar, and the application's mode that shows it.
    """

    NAME: ClassVar[str] = ""
    AUTO_FOCUS: ClassVar[str | None] = ""  # :meth:`first` says what has it
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

    def resting(self) -> str:
        """Selects the widget that has the keys while no field has them; empty for none."""
        return ""

    def field(self) -> str:
        """Selects the field that is for what is typed on this page; empty for none."""
        return ""

    def first(self) -> str:
        """Selects the widget that has the focus when the page is opened."""
        return self.field() if self._usable(self.field()) else self.resting()

    def on_mount(self) -> None:
        """Watch over the focus."""
        self.watch(self, "focused", self._keep_focus, init=False)

    def on_screen_resume(self) -> None:
        """Back to what the page is for; and there may be other tabs."""
        if not self.is_current:  # it was left again before it was shown
            return
        self.query(TopBar).refresh()
        if self.focused in (None, self._usable(self.resting())):
            self.set_focus(self._usable(self.first()))

    def _keep_focus(self, focused: Widget | None) -> None:
        """The focus is never nowhere: what had it may be gone."""
        if focused is None:
            self.call_after_refresh(self._regain_focus)

    def _regain_focus(self) -> None:
        if self.is_current and self.focused is None and self.app.app_focus:
            self.action_leave_field()

    def _usable(self, selector: str) -> Widget | None:
        """The widget that is selected, if it can take the keys: what is hidden must not."""
        for widget in self.query(selector) if selector else ():
            shown = (one.display for one in widget.ancestors_with_self if isinstance(one, Widget))
            return widget if widget.focusable and all(shown) else None
        return None

    def on_key(self, event: events.Key) -> None:
        """What is typed outside of a field, and is no key of the page, goes into its field."""
        field = self._usable(self.field())
        if field is None or field.has_focus:
            return
        if event.key == "enter" and self.focused in (None, self._usable(self.resting())):
            field.focus()
        elif event.is_printable and event.key not in self.active_bindings:
            self._type_into(field, event.character or "")
        else:
            return
        event.stop()

    def on_paste(self, event: events.Paste) -> None:
        """As what is typed."""
        field = self._usable(self.field())
        if field is not None and not field.has_focus:
            self._type_into(field, event.text)

    def _type_into(self, field: Widget, text: str) -> None:
        field.focus()
        if isinstance(field, TextArea):
            field.insert(text)
        elif isinstance(field, Field):
            field.write(text)

    def put(self, dialog: ModalScreen[Answer], then: Callable[[Answer | None], Any]) -> None:
        """Show a dialog in front of this page, also where another one is looked at by now."""
        self.app.push_screen(dialog, then, mode=self.NAME)

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
        self.set_focus(self._usable(self.resting()))
