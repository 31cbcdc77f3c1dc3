"""What a page can do that has a server: check its options, show it, ask before it ends."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from shadow_mlx.config import ServeConfig
from shadow_mlx.config.paths import local
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.serving.keys import key_of
from shadow_mlx.words import counted
from tui.screens.base import Page
from tui.screens.dialogs import Choice
from tui.views.serving import ServerView
from tui.widgets.server_pane import ServerPane


class ServingPage(Page):
    """A page with a :class:`ServerPane` and the key that ends what it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "end_server", "Stop server", id="deliver-end"),
    ]

    _rested = ""
    """What had the keys when the server was drawn last."""

    def on_mount(self) -> None:
        """Follow the server."""
        self.ui.server_changed.subscribe(self, self._follow)

    def _follow(self, view: ServerView) -> None:
        if self.is_current or view.up != self.has_class("-serving"):
            self.draw_server()
        if view.phase in ("off", "failed"):
            self.server_ended(view)

    def on_screen_resume(self) -> None:
        """What was not drawn meanwhile."""
        self.draw_server()

    @property
    def serves(self) -> bool:
        """Whether a server is shown now."""
        return self.ui.server.view.up and self.shows_server()

    def shows_server(self) -> bool:
        """Whether this is where a server is shown that runs."""
        return True

    def resting(self) -> str:
        """The address, once there is one."""
        if not self.serves:
            return ""
        return "#server-url" if self.ui.server.view.listening is not None else "#server-log"

    def draw_server(self) -> None:
        """Show what is known of the server, in the place of what is there while none runs."""
        if self.serves:
            self.query_one(ServerPane).show(self.ui.server)
        if self.serves != self.has_class("-serving"):
            self.set_class(self.serves, "-serving")
            self.server_turned()
            self.refresh_bindings()
        if self.is_current and self._rested != ServingPage.resting(self):
            self._rested = ServingPage.resting(self)  # what had the keys is not there any more
            self.call_after_refresh(self.action_leave_field)

    def server_turned(self) -> None:
        """It is shown from now on, or not any more."""

    def server_ended(self, view: ServerView) -> None:
        """It is over: by itself, or as the person wanted."""

    @work(exclusive=True, group="end-server")
    async def action_end_server(self) -> None:
        """End the server, after a question where somebody waits for it."""
        server = self.ui.server
        view = server.view
        if view.phase == "serving" and view.asked:
            waits = "is" if view.asked == 1 else "are"
            question = (
                f"{counted(view.asked, 'answer')} {waits} on the way. The server gives them, takes "
                "nothing new, and ends."
            )
            dialog = Choice(question, [("stop", "y", "Stop it")])
            if await self.app.push_screen_wait(dialog, mode=self.NAME) is None:
                return
        server.stop()


def problems_of(options: ServeConfig) -> dict[str, str]:
    """What the server would refuse, by option, as far as that can be told without a model."""
    problems = {}
    missing = [one for one in options.adapters if not holds_adapter(one)]
    if missing:
        problems["adapter_path"] = no_adapter(missing[0])
    file = local(options.api_key_file) if options.api_key_file else None
    if file is None or Path(file).is_file():  # a pipe would keep us waiting
        try:
            key_of(options)
        except ShadowMLXError as error:
            names = {"--host": "host", "--api-key-file": "api_key_file"}
            problems[names.get(str(error).split()[0], "")] = str(error)
    return problems


def no_adapter(path: str) -> str:
    """What is said of a folder that holds none."""
    return f"--adapter-path: no adapter in {path}: train one (4), or ctrl+o"
