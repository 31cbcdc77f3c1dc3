"""Paints wait for the terminal, keys do not."""

from __future__ import annotations

import asyncio
import contextlib
import os

from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from tui.input.paints import LOOK_SECONDS, PaintHold, takes_more


def test_a_full_pipe_takes_no_more() -> None:
    reading, writing = os.pipe()
    try:
        assert takes_more(writing)
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x" * 65536):
                pass
        assert not takes_more(writing)
    finally:
        os.close(reading)
        os.close(writing)
    assert takes_more(-1)  # nothing to wait for


class Busy(App[None]):
    """An app whose terminal takes output when the test says so; ``painted`` counts."""

    def __init__(self) -> None:
        super().__init__()
        self.ready, self.painted = True, 0
        self.paints = PaintHold(self, lambda: self.ready)

    def compose(self) -> ComposeResult:
        yield Static("number 0")
        yield Input()

    def post_display_hook(self) -> None:
        self.painted += not self.paints.holding
        self.paints.painted()


def test_what_changes_while_the_terminal_is_busy_is_painted_when_it_is_not() -> None:
    async def test() -> None:
        app = Busy()
        async with app.run_test() as pilot, asyncio.timeout(60):
            app.ready = False
            app.screen.refresh()
            while not app.paints.holding:
                await pilot.pause(LOOK_SECONDS)
            painted = app.painted
            for number in range(1, 20):
                app.query_one(Static).update(f"number {number}" + "\n and a line" * (number % 3))
                await pilot.pause(LOOK_SECONDS)
            await pilot.press("x")  # keys work meanwhile
            assert app.query_one(Input).value == "x"
            assert app.painted == painted
            app.ready = True
            while app.painted == painted:
                await pilot.pause(LOOK_SECONDS)
            lines = [strip.text.strip() for strip in app.screen._compositor.render_strips()]
            assert lines[:2] == ["number 19", "and a line"]

    asyncio.run(test())
