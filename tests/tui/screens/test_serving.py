"""The server on its page and on the others, against one that pretends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from tests.tui.support import (
    FAKE_SERVER,
    FAKE_WORKER,
    NARROW,
    WIDE,
    footer,
    press,
    sees,
    shown,
    text,
    told,
    until,
    words,
    write_adapter,
)
from tests.tui.test_deliver import command, opened, page, row
from tui.app import ShadowApp
from tui.screens.deliver import DeliverScreen
from tui.screens.dialogs import Choice, LeaveDialog
from tui.screens.serving import problems_of
from tui.screens.weights import WeightsDialog


@pytest.fixture(autouse=True)
def fake_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.system.serve_command", lambda: FAKE_SERVER)
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)


async def serving(pilot: Pilot[Any], port: int = 8080) -> None:
    """A server that answers."""
    await opened(pilot)
    await press(pilot, "s")
    row(pilot, "serve", "port").value = str(port)
    await until(pilot, lambda: "$ shadow-mlx serve --adapter-path adapters" in words(pilot))
    await press(pilot, "enter")
    await until(pilot, lambda: "24 answered · 3 errors" in words(pilot))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_server_from_its_start_to_its_end(size: tuple[int, int], adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, size) as pilot:
        await serving(pilot)
        await sees(
            pilot,
            "▶ serving for 0:12 · for this machine alone · x stops it",
            "adapters · adapters:detached · adapters:base",
            "address http://127.0.0.1:8080/v1",
            "$ curl http://127.0.0.1:8080/v1/chat/completions",
            "0 running · 0 waiting",
            "504 written · 53/s",
            "12:00:04 POST /v1/chat/completions 400",
        )
        assert not page(pilot).query_one("#form-serve").is_on_screen
        await until(pilot, lambda: "x Stop server" in footer(pilot))
        assert "Start" not in footer(pilot)
        await press(pilot, "x")
        await until(pilot, lambda: "■ stopped after 13 s: 27 requests, 504 tokens" in words(pilot))
        assert page(pilot).query_one("#form-serve").is_on_screen
        assert isinstance(app.focused, Button)
        assert app.unsaved == {}
        await press(pilot, "enter")
        await until(pilot, lambda: "24 answered · 3 errors" in words(pilot))


async def test_address_example_and_command_are_copied(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await serving(pilot, 8081)
        assert pilot.app.focused is page(pilot).query_one("#server-url")
        await press(pilot, "enter")
        await until(pilot, lambda: "The address is copied" in told(pilot))
        assert pilot.app.clipboard == "http://127.0.0.1:8081/v1"
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: pilot.app.clipboard.startswith("curl http://127.0.0.1:8081"))
        await press(pilot, "ctrl+y")
        said = "shadow-mlx serve --adapter-path adapters --port 8081"
        await until(pilot, lambda: pilot.app.clipboard == said)
        await press(pilot, "e")
        await until(pilot, lambda: command(pilot) == "shadow-mlx export")


@pytest.mark.parametrize(
    ("size", "mark"), [(NARROW, "▶ serving :8080"), (WIDE, "▶ serving at 127.0.0.1")]
)
async def test_it_goes_on_while_one_walks_about_and_every_page_says_so(
    size: tuple[int, int], mark: str, adapter: Path
) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, size) as pilot:
        await press(pilot, "1")
        await serving(pilot)
        number = app.server.process_id
        for key in ("1", "2", "4", "7"):
            await press(pilot, "escape", key)
            await until(pilot, lambda: mark in text(pilot).splitlines()[0])
        assert app.server.process_id == number
        assert number is not None
        await sees(pilot, "24 answered · 3 errors")
        await press(pilot, "p")
        await until(pilot, lambda: "Push (ctrl+r)" in words(pilot))
        assert "x Stop" not in footer(pilot)
        await press(pilot, "x")  # of no meaning here
        assert app.server.view.phase == "serving"
        await press(pilot, "1")
        await pilot.click("TopBar", offset=(size[0] - 4, 0))
        await until(pilot, lambda: app.current_mode == "deliver")
        await press(pilot, "s", "x")
        await until(pilot, lambda: mark not in text(pilot))


async def test_with_answers_on_the_way_it_asks_first(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await serving(pilot, 3)
        await sees(pilot, "2 running · 1 waiting", "127.0.0.1:3 · 3 answers")
        await press(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await sees(pilot, "3 answers are on the way")
        assert app.screen.focused is app.screen.query_one("#answer-cancel")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, DeliverScreen))
        assert app.server.view.phase == "serving"
        await press(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await press(pilot, "y")
        await until(pilot, lambda: "■ stopped after" in words(pilot))


async def test_once_more_does_not_wait(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await serving(pilot, 4)
        await press(pilot, "x")
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await press(pilot, "y")
        await sees(pilot, "1 answer to go. x once more ends it at once", "… the server ends")
        await until(pilot, lambda: "ending: what was asked" in words(pilot))
        await press(pilot, "x")
        await until(pilot, lambda: "■ stopped after" in words(pilot))


async def test_a_port_that_is_taken_is_told_in_its_place(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await opened(pilot)
        await press(pilot, "s")
        row(pilot, "serve", "port").value = "1"
        await press(pilot, "enter")
        await until(pilot, lambda: "✘ cannot listen on 127.0.0.1, port 1" in words(pilot))
        assert page(pilot).query_one("#outcome").has_class("-bad")
        assert row(pilot, "serve", "port").value == "1"
        row(pilot, "serve", "port").value = "8080"
        await press(pilot, "enter")
        await until(pilot, lambda: "24 answered" in words(pilot))


async def test_an_end_elsewhere_is_told_in_the_corner(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await serving(pilot)
        await press(pilot, "1")
        await until(pilot, lambda: app.current_mode == "home")
        assert app.server._process is not None
        app.server._process.kill()
        await until(pilot, lambda: "The server is gone: it was killed" in told(pilot))
        await until(pilot, lambda: "▶ serving :8080" not in text(pilot))
        await press(pilot, "7")
        await sees(pilot, "✘ The server is gone", "Serve (ctrl+r)")
        assert isinstance(app.focused, Button)


async def test_leaving_asks_and_ends_it(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = ShadowApp(FAKE_WORKER)
    left: list[bool] = []
    async with shown(app) as pilot:
        await serving(pilot)
        monkeypatch.setattr(app, "exit", lambda: left.append(True))
        await press(pilot, "1", "ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, LeaveDialog))
        await sees(pilot, "The server at http://127.0.0.1:8080/v1 is at work; it ends")
        await press(pilot, "enter")
        assert not left
        await press(pilot, "ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, LeaveDialog))
        await press(pilot, "l")
        await until(pilot, lambda: left)
    assert app.server.process_id is None


async def test_adapters_are_added_one_by_one(adapter: Path) -> None:
    write_adapter(Path("my other"))
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "s")
        row(pilot, "serve", "adapter_path").value = "adapters"
        for _ in range(2):  # the second time it is there
            await press(pilot, "ctrl+o")
            await until(pilot, lambda: isinstance(pilot.app.screen, WeightsDialog))
            await press(pilot, *"./my", "space", *"other", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, DeliverScreen))
        said = "shadow-mlx serve --adapter-path adapters 'my other'"
        await until(pilot, lambda: command(pilot) == said)


async def test_what_would_be_refused_is_said_before(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await opened(pilot)
        await press(pilot, "s")
        row(pilot, "serve", "host").value = "0.0.0.0"
        said = "! --host 0.0.0.0: other machines can reach that; give a key"
        await until(pilot, lambda: said in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: row(pilot, "serve", "host").has_focus_within)
        assert pilot.app.server.view.phase == "off"  # type: ignore[attr-defined]  # of ours


def test_problems_stand_at_their_fields(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_adapter(Path("mine"))
    good = {"adapter_path": ("mine",)}
    assert problems_of(ServeConfig(**good)) == {}
    assert problems_of(ServeConfig(adapter_path=("mine", "b"))) == {
        "adapter_path": "--adapter-path: no adapter in b: train one (4), or ctrl+o"
    }
    assert problems_of(ServeConfig(model="sprout")) == {}
    assert list(problems_of(ServeConfig(**good, host="0.0.0.0"))) == ["host"]
    assert list(problems_of(ServeConfig(**good, api_key_file="no"))) == ["api_key_file"]
    Path("key").write_text("long enough")
    assert problems_of(ServeConfig(**good, api_key_file="key", host="::")) == {}
    assert problems_of(ServeConfig(**good, api_key_file="/dev/stdin")) == {}
    monkeypatch.setenv(API_KEY_VARIABLE, "short")
    assert list(problems_of(ServeConfig(**good))) == [""]
