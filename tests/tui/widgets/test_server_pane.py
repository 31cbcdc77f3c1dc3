"""What is shown of a server."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Log

from shadow_mlx.config import ServeConfig
from shadow_mlx.serving.reports import Figures, Listening
from tests.tui.support import sees, until, words
from tui.server import LocalServer
from tui.views.serving import ServerView
from tui.widgets.command_row import CommandRow
from tui.widgets.server_pane import ServerPane


class Shown(App[None]):
    CSS = "ServerPane { display: block; }"

    def compose(self) -> ComposeResult:
        yield ServerPane(id="server")


async def test_it_grows_from_a_line_to_all_of_it() -> None:
    server = LocalServer(lambda: None)
    app = Shown()
    async with app.run_test(size=(120, 30)) as pilot:
        pane = app.query_one(ServerPane)
        server.view = ServerView("starting", ServeConfig())
        server._note(b"fetching \x1b[31msprout")
        pane.show(server)
        await until(pilot, lambda: "… starting (x stops) · fetching ␛[31msprout" in words(pilot))
        assert not pane.query_one("#server-url", CommandRow).display
        assert not pane.query_one("#server-figures").display
        where = Listening("http://127.0.0.1:8080/v1", ("[b]robot", "[b]robot:base"))
        server.view = ServerView("serving", ServeConfig(), where, (Figures(2.0, requests=3),))
        pane.show(server)
        await until(pilot, lambda: "models [b]robot · [b]robot:base" in words(pilot))
        await sees(pilot, "address http://127.0.0.1:8080/v1", "requests 3 answered · 0 errors")
        assert pane.query_one("#server-example", CommandRow).command.startswith("curl ")


async def test_each_line_of_the_log_comes_once_and_another_server_begins_anew() -> None:
    server = LocalServer(lambda: None)
    app = Shown()
    async with app.run_test(size=(120, 30)):
        pane, log = app.query_one(ServerPane), app.query_one(Log)
        pane.show(server)
        assert not log.display  # an empty box says nothing
        for number in range(3):
            server._note(b"line %d" % number)
            pane.show(server)
            pane.show(server)
        assert list(log.lines)[:3] == ["line 0", "line 1", "line 2"]
        server._log.clear()
        server._logged, server.number = 0, 2
        server._note(b"anew")
        pane.show(server)
        assert list(log.lines)[:1] == ["anew"]
        assert log.line_count == 1
        assert log.display
