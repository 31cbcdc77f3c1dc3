"""A server while it runs: where it listens, what it does, its log."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Log, Static

from shadow_mlx.terminal import visible
from tui.server import KEPT_LINES, LocalServer
from tui.views import serving
from tui.widgets.command_row import CommandRow

TITLE = 10
"""Cells of the titles of figures."""


class ServerPane(Vertical):
    """Shows a server; which keys there are is the page's matter."""

    DEFAULT_CSS = """
    ServerPane { height: 1fr; margin-top: 1; display: none; }
    ServerPane #server-head { height: 1; padding: 0 1; color: $text-success; text-style: bold; }
    ServerPane #server-head { text-wrap: nowrap; text-overflow: ellipsis; }
    ServerPane #server-models { height: auto; max-height: 3; padding: 0 1; }
    ServerPane #server-figures { height: auto; padding: 0 1; }
    ServerPane Log { height: 1fr; min-height: 1; padding: 0 1; background: $panel; }
    ServerPane Log { scrollbar-size: 1 1; overflow-x: hidden; color: $text-muted; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._number = self._logged = 0

    def compose(self) -> ComposeResult:
        """From what one needs first to what one looks up."""
        yield Static(id="server-head", markup=False)
        yield Static(id="server-models", markup=False)
        yield CommandRow(id="server-url", sign=f"{'address':<{TITLE}}", what="The address")
        yield CommandRow(id="server-example")
        yield Static(id="server-figures", markup=False)
        yield Log(max_lines=KEPT_LINES, id="server-log")

    def show(self, server: LocalServer) -> None:
        """What there is to see of it now."""
        view = server.view
        last = server.log(server.logged - 1)
        self.query_one("#server-head", Static).update(
            Text(serving.headline(view, last[0] if last else ""))
        )
        names = view.listening.models if view.listening is not None else ()
        models = self.query_one("#server-models", Static)
        models.update(_titled([("models", visible(" · ".join(names)))]))
        models.display = bool(names)
        self.query_one("#server-url", CommandRow).show(view.url)
        self.query_one("#server-example", CommandRow).show(serving.example(view))
        counts = self.query_one("#server-figures", Static)
        counts.update(_titled(serving.figures(view)))
        counts.display = bool(view.history)
        self._show_log(server)

    def _show_log(self, server: LocalServer) -> None:
        log = self.query_one("#server-log", Log)
        if server.number != self._number:
            log.clear()
            self._number, self._logged = server.number, 0
        if new := server.log(self._logged):
            log.write_lines(new)
            self._logged = server.logged
        log.display = log.line_count > 0


def _titled(lines: list[tuple[str, str]]) -> Text:
    text = Text()
    for i, (title, said) in enumerate(lines):
        text.append(f"{'' if not i else chr(10)}{title:<{TITLE}}", "dim")
        text.append(said)
    return text
