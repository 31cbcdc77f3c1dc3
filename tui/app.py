"""The application: its pages, keys, themes, and what all pages share."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import importlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.style import Style
from rich.text import Text
from rich.theme import Theme
from textual import work
from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.css.query import NoMatches
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.signal import Signal
from textual.timer import Timer
from textual.widgets import Static

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.runs.launching import Launched, launch
from shadow_mlx.runs.live import is_live, send
from shadow_mlx.runs.trash import Trash
from shadow_mlx.terminal import visible
from tui import system
from tui.child import Children
from tui.input.paints import PaintHold, takes_more
from tui.pages import PAGES, RUN, maker
from tui.server import LocalServer
from tui.state import UiState, load_state, save_state
from tui.style_sheet import StyleSheet
from tui.views import palette
from tui.views.serving import ServerView, at_work
from tui.widgets.commands import Commands
from tui.widgets.legible import Legible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from textual.driver import Driver

    from shadow_mlx.config import TrainConfig

SAVE_SECONDS = 1.0
PRELOAD_SECONDS = 0.3


class ShadowApp(App[None]):
    """``shadow-mlx tui``.

    Args:
        worker_command: How to start the child that holds models and data.
    """

    TITLE = "shadow-mlx"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    COMMANDS = {Commands}  # noqa: RUF012 - as Textual declares it
    MODES: ClassVar[dict[str, Any]] = {name: maker(name) for name in (*PAGES, RUN)}
    DEFAULT_MODE = "home"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-narrow"),
        (110, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]  # noqa: RUF012 - likewise
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "toggle_help", "Help", id="help", priority=True),
        *(
            Binding(f"{i},f{i + 1}", f"go('{name}')", name.title(), show=False, id=f"go-{name}")
            for i, name in enumerate(PAGES, 1)
        ),
        Binding(f"{len(PAGES) + 1}", f"go('{RUN}')", "Run", show=False, id="go-run"),
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True),
    ]

    def __init__(self, worker_command: list[str] | None = None) -> None:
        super().__init__()
        self.stylesheet = StyleSheet(self.get_css_variables())
        self.state: UiState = load_state()
        self.processes = Children(worker_command or system.worker_command())
        self.server = LocalServer(self._server_changed)
        self.server_changed: Signal[ServerView] = Signal(self, "server")
        self._unsaved_state: Timer | None = None
        self.launched: dict[Path, Launched] = {}
        self.run_shown: Path | None = None
        self.trash = Trash()
        self._before_run = self.DEFAULT_MODE
        self.unsaved: dict[str, str] = {}  # page → what would be lost by leaving
        self.paints = PaintHold(self, self._takes_more)
        self._legible = Legible()
        self._name_colours()
        if self.state.keys:
            self.set_keymap(self.state.keys)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that mean something, for style sheets."""
        theme = self.current_theme
        own = {name: getattr(theme, name) for name in palette.ROLES}
        return palette.variables(own, dark=theme.dark, ansi=theme.ansi)

    def _name_colours(self) -> None:
        """The same colours as styles, for texts."""
        named = self.get_theme_variable_defaults()
        styles = {name: Style(color=Color.parse(one).rich_color) for name, one in named.items()}
        self.console.push_theme(Theme(styles, inherit=False))

    def _recolour(self) -> None:
        """Texts that are shown already have the colours of another theme."""
        self.console.pop_theme()
        self._name_colours()
        for screen in self.screen_stack:
            for part in screen.query(Static):
                if isinstance(part.content, Text):
                    part.update(part.content)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and then the one that keeps what is written legible."""
        return [*super().get_line_filters(), self._legible]

    async def close_children(self) -> None:
        """End the children, and what still waits for them."""
        self.workers.cancel_all()
        await asyncio.gather(self.processes.close(), self.server.close())

    def _server_changed(self) -> None:
        """Pages show it; and leaving ends it, which is asked before."""
        view = self.server.view
        self.unsaved.pop("server", None)
        if said := at_work(view):
            self.unsaved["server"] = said
        self.server_changed.publish(view)

    def get_driver_class(self) -> type[Driver]:
        """Our driver in the place of Textual's for terminals."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":  # another system, or one that the environment names
            return usual
        from tui.input.driver import TerminalDriver

        return TerminalDriver

    def _takes_more(self) -> bool:
        if self.is_headless:
            return True
        from tui.input.driver import output

        return takes_more(output().fileno())

    def post_display_hook(self) -> None:
        """After each paint: see that the terminal follows."""
        self.paints.painted()

    def on_mount(self) -> None:
        """Apply the remembered theme, and remember the next one."""
        if self.state.theme in self.available_themes:
            self.theme = self.state.theme
        self.watch(self, "theme", self._theme_changed, init=False)

    def _theme_changed(self, theme: str) -> None:
        self.remember(theme=theme)
        self._recolour()

    def on_ready(self) -> None:
        """Prepare for training while the person looks at the first page."""
        self.set_timer(PRELOAD_SECONDS, self._prepare)

    @work(group="prepare")
    async def _prepare(self) -> None:
        await asyncio.to_thread(importlib.import_module, "tui.screens.run")  # with numpy
        if not self.is_headless:
            # All these modules stay. Looking through them for garbage takes 20 ms each time.
            gc.freeze()

    def remember(self, **changes: Any) -> None:
        """Change the remembered state; it is written a moment later, and at the end."""
        self.state = dataclasses.replace(self.state, **changes)
        if not self.is_running:
            self._save()
        elif self._unsaved_state is None:
            self._unsaved_state = self.set_timer(SAVE_SECONDS, self._save)

    def _save(self) -> None:
        self._unsaved_state = None
        problem = save_state(self.state)
        if problem and self.is_running:
            self.tell(f"Settings are not saved. {problem}", "warning")

    def remember_first(self, field: str, value: str) -> None:
        """Put ``value`` in front of one of the recent lists."""
        self.remember(**{field: self.state.with_first(field, value)})

    def pop_screen(self) -> AwaitComplete:
        """End what the screen still waits for, and then the screen.

        Its parts go one by one; what looks for one that is gone would end the program.
        """
        self.workers.cancel_node(self.screen)
        return super().pop_screen()

    def tell(self, message: str, severity: SeverityLevel = "information") -> None:
        """A short message in the corner; its text is shown as it is."""
        self.notify(visible(message), severity=severity, markup=False, timeout=8)

    def tell_end(self, message: str) -> None:
        """Say outside of the screen that a run is over, as the person wants it."""
        import os

        if self.state.at_end == "bell":
            self.bell()
        elif self.state.at_end == "notification" and self._driver is not None:
            self._driver.write(
                system.notification(self.TITLE, visible(" ".join(message.split())), os.environ)
            )

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: pages first, then what the focused page can do."""
        for i, name in enumerate(self.pages, 1):
            yield SystemCommand(
                f"Go to {name.title()}", f"key {i}", lambda name=name: self.action_go(name)
            )
        seen = set()
        active = screen.active_bindings.values()
        for binding in sorted(active, key=lambda binding: not binding.binding.show):
            one = binding.binding
            named = one.id and one.description  # Textual's own have no id: arrows, Tab and such
            if binding.node is self or not named or one.action in seen:
                continue
            seen.add(one.action)
            yield SystemCommand(
                one.description,
                one.tooltip or f"key {self.get_key_display(one)}",
                lambda one=one, node=binding.node: self.call_later(
                    self.run_action, one.action, node
                ),
            )
        yield SystemCommand(
            "Change keys", "other keys for what this page can do", lambda: self._change_keys(screen)
        )
        others = super().get_system_commands(screen)
        yield from (one for one in others if one.title != "Keys")  # F1 tells them

    def search_themes(self) -> None:
        """Choose a theme by seeing it."""
        from tui.widgets.themes import ThemePalette

        self.push_screen(ThemePalette())

    def _change_keys(self, page: Screen[Any]) -> None:
        from tui.screens.keys import KeysDialog

        self.push_screen(KeysDialog(page))

    def bind_keys(self, keys: dict[str, str]) -> None:
        """Other keys from now on; ``keys`` maps ids of bindings to the keys that are not theirs."""
        self.remember(keys=keys)
        self.set_keymap(keys)

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages that there are now, in the order of their digits."""
        return PAGES if self.run_shown is None else (*PAGES, RUN)

    def action_go(self, name: str) -> None:
        """Show a page: each has a mode of its own, where nothing but questions can cover it."""
        if name not in self.pages:
            self.tell("No run is open: Enter on one of Home's opens it.")
            return
        if name == RUN and self.current_mode != RUN:
            self._before_run = self.current_mode
        self.switch_mode(name)

    def action_toggle_help(self) -> None:
        """Show help for what has the focus, or leave it."""
        from tui.screens.help import HelpDialog, help_of

        if isinstance(self.screen, HelpDialog):
            self.screen.action_cancel()
        else:
            self.push_screen(HelpDialog(help_of(self.screen)))

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """A picture of the screen, in this folder: that for downloads need not be there."""
        return super().deliver_screenshot(filename, path or ".", time_format)

    def show_run(self, folder: Path) -> None:
        """Open the live view of a run, in the place of another run's."""
        from tui.screens.run import RunScreen

        self.remember_first("runs", str(folder))
        changed, self.run_shown = folder != self.run_shown, folder
        self.action_go(RUN)
        if changed and isinstance(self.screen, RunScreen) and self.screen.is_mounted:
            self.screen.open(folder)

    def leave_run(self) -> None:
        """Back to where the run was opened; it stays open."""
        self.switch_mode(self._before_run)

    def close_run(self) -> None:
        """Forget the run that is open; it goes on."""
        from tui.screens.run import RunScreen

        page = self.screen_stack[0] if self.current_mode == RUN else None
        self.run_shown = None
        self.leave_run()
        if isinstance(page, RunScreen):
            page.close()

    def starting(self, folder: Path) -> bool:
        """Whether a run that was launched here is at work in this folder, or about to be."""
        launched = self.launched.get(folder.resolve())
        return launched is not None and launched.process.returncode is None

    async def launch(self, config: TrainConfig, *, resume: bool = False) -> None:
        """Start a run and show it."""
        from shadow_mlx.errors import ShadowMLXError

        try:
            launched = await launch(config, resume=resume)
        except ShadowMLXError as error:
            self.tell(str(error), "error")
            return
        self.launched[launched.folder] = launched
        self.show_run(launched.folder)

    async def chat_with(self, folder: Path | None, model: str | None = None) -> None:
        """Go to the chat with an adapter loaded."""
        (await self._page("chat")).load(model, str(folder) if folder else None)

    async def compare_with(self, folder: Path) -> None:
        """Go to the comparison with an adapter loaded."""
        (await self._page("compare")).load(str(folder))

    async def train_with(self, values: Mapping[str, Any]) -> None:
        """Go to the training form with these settings filled in."""
        await (await self._page("train")).fill(values)

    async def deliver(self, folder: Path) -> None:
        """Go to the page of what comes after training, with an adapter to export."""
        (await self._page("deliver")).load(str(folder))

    async def _page(self, name: str) -> Any:
        """Show a page; it is of the class that its module calls ``PAGE``."""
        await self.switch_mode(name)
        return self.screen_stack[0]

    async def action_quit(self) -> None:
        """Leave; asks first where something would be lost or goes on without us."""
        from tui.screens.dialogs import LeaveDialog

        if isinstance(self.screen, LeaveDialog):
            return
        live = [folder for folder in self.launched if is_live(folder)]
        if not live and not self.unsaved:
            self.exit()
            return

        def decide(choice: str | None) -> None:
            if choice == "stop":
                for folder in live:
                    send(folder, "stop")
            if choice in ("leave", "stop"):
                self.exit()

        self.push_screen(LeaveDialog(live, list(self.unsaved.values())), decide)

    def exit(self, *args: Any, **options: Any) -> None:
        """Leave; what pages are waiting for comes too late for them."""
        self.workers.cancel_all()
        super().exit(*args, **options)

    def _handle_exception(self, error: Exception) -> None:
        """While all is taken down, something may miss its parts, or never get them: no fault."""
        if not (self._exit and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    async def on_unmount(self) -> None:
        """End the children and keep the state; a run goes on."""
        self._save()
        with suppress(SurroundingsError):  # what stays is removed at the next discarding there
            await asyncio.to_thread(self.trash.empty)
        await self.close_children()


def main() -> int:
    """Run the UI until the person leaves it; returns the exit code."""
    app = ShadowApp()
    app.run()
    return app.return_code or 0
