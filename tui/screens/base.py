"""What all pages have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen, Screen
from textual.signal import Signal
from textual.widget import Widget
from textual.widgets import TextArea

from shadow_mlx.runs.launching import Launched
from shadow_mlx.runs.trash import Trash
from shadow_mlx.terminal import visible
from tui import system
from tui.child import Children
from tui.server import LocalServer
from tui.state import UiState
from tui.views.serving import ServerView, marks
from tui.widgets.divider import Divider
from tui.widgets.field import Field
from tui.widgets.key_line import KeyLine
from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig

Answer = TypeVar("Answer")

DIVIDER_STEP = 2
"""Cells by which a key moves a divider."""


class Ui(Protocol):
    """What pages need of the application; its class stands above them and is not known here.

    Attributes:
        state: What is remembered between starts.
        processes: Those that hold models and data.
        server: The one that is started here.
        server_changed: Published when there is something new of it.
        launched: The runs that were started here, by folder.
        run_shown: The run that is open.
        trash: The runs that were discarded, and may be brought back.
        unsaved: What would be lost by leaving, by page.
    """

    state: UiState
    processes: Children
    server: LocalServer
    server_changed: Signal[ServerView]
    launched: dict[Path, Launched]
    run_shown: Path | None
    trash: Trash
    unsaved: dict[str, str]

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages that there are now, in the order of their digits."""

    def remember(self, **changes: Any) -> None:
        """Change the remembered state."""

    def remember_first(self, field: str, value: str) -> None:
        """Put ``value`` in front of one of the recent lists."""

    def tell(self, message: str, severity: SeverityLevel = "information") -> None:
        """A short message in the corner."""

    def tell_end(self, message: str) -> None:
        """Say outside of the screen that a run is over, as the person wants it."""

    def bind_keys(self, keys: dict[str, str]) -> None:
        """Other keys from now on."""

    def starting(self, folder: Path) -> bool:
        """Whether a run that was launched here is at work in this folder, or about to be."""

    def close_run(self) -> None:
        """Forget the run that is open; it goes on."""

    def leave_run(self) -> None:
        """Back to where the run was opened."""

    def show_run(self, folder: Path) -> None:
        """Open the live view of a run."""

    async def launch(self, config: TrainConfig) -> None:
        """Start a run and show it."""

    async def chat_with(self, folder: Path | None, model: str | None = None) -> None:
        """Go to the chat with an adapter loaded."""

    async def compare_with(self, folder: Path) -> None:
        """Go to the comparison with an adapter loaded."""

    async def train_with(self, values: Mapping[str, Any]) -> None:
        """Go to the training form with these settings filled in."""

    async def deliver(self, folder: Path) -> None:
        """Go to the page of what comes after training, with an adapter to export."""


def ui_of(node: Screen[Any]) -> Ui:
    """The application that shows a screen, as far as screens know it."""
    return cast(Ui, node.app)


class Page(Screen[Any]):
    """A page with the bar of tabs above and the keys below.

    ``NAME`` is its name in the bar, and the application's mode that shows it.
    """

    NAME: ClassVar[str] = ""
    AUTO_FOCUS: ClassVar[str | None] = ""  # :meth:`first` says what has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave_field", "Leave field", show=False),
        # Keys that no field and no list takes, so that they work whatever has the focus.
        Binding("f9", "divide(-1)", "Divider left or up", show=False, id="divider-back"),
        Binding("f10", "divide(1)", "Divider right or down", show=False, id="divider-on"),
    ]

    def compose(self) -> ComposeResult:
        """The frame around :meth:`body`."""
        yield TopBar(self.NAME, self.ui.pages)
        yield from self.body()
        yield KeyLine()

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
        """Watch over the focus, and give panes their remembered sizes."""
        self.watch(self, "focused", self._keep_focus, init=False)
        self.ui.server_changed.subscribe(self, self._mark_server)
        self._mark_server(self.ui.server.view)
        for divider in self.query(Divider):
            divider.wanted = self.ui.state.panes.get(divider.pane)

    def _mark_server(self, view: ServerView) -> None:
        """The first line says on every page that a server runs."""
        self.query_one(TopBar).mark(marks(view))

    def on_divider_moved(self, message: Divider.Moved) -> None:
        """Remember the size."""
        self.ui.remember(panes={**self.ui.state.panes, message.pane: message.size})

    def on_screen_resume(self) -> None:
        """Back to what the page is for; and there may be other tabs."""
        if not self.is_current:  # it was left again before it was shown
            return
        self.query_one(TopBar).show(self.ui.pages)
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

    @work(group="copy")
    async def copy(self, text: str, what: str) -> None:
        """Copy text, through the terminal and the system, and say that ``what`` is copied."""
        self.app.copy_to_clipboard(visible(text))
        how = await system.copy(visible(text))
        self.ui.tell(f"{what} is copied ({how}).")

    @property
    def ui(self) -> Ui:
        """The application, as far as pages know it."""
        return ui_of(self)

    def action_divide(self, by: int) -> None:
        """Move the line between the panes that are shown."""
        for divider in self.query(Divider):
            if divider.is_on_screen:
                divider.move(by * DIVIDER_STEP)
                return

    def action_leave_field(self) -> None:
        """Take the focus out of a field, so that digits change the page again."""
        self.set_focus(self._usable(self.resting()))
