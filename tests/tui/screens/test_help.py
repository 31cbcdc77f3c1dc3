"""Help in front of a page: all of it can be read at any size."""

from __future__ import annotations

from textual.containers import VerticalScroll

from tests.tui.support import FAKE_WORKER, NARROW, press, shown, text, until, words
from tui.app import PAGES, ShadowApp
from tui.screens.help import HelpDialog


async def test_the_whole_help_of_every_page_is_reached_by_keys() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, NARROW) as pilot:
        for name in PAGES:
            app.action_go(name)
            await pilot.pause()
            await press(pilot, "f1")
            await until(pilot, lambda: isinstance(app.screen, HelpDialog))
            await until(pilot, lambda: "Esc: back" in words(pilot))
            seen = words(pilot)
            scroll = app.screen.query_one(VerticalScroll)
            while not scroll.is_vertical_scroll_end:
                await press(pilot, "down")
                await pilot.pause(0.05)
                seen += text(pilot)
            last = app.screen_stack[0].HELP.strip().splitlines()[-1].split()[-1].strip("`.*")
            assert last in seen, name
            await press(pilot, "f1")
            assert not isinstance(app.screen, HelpDialog)


async def test_help_is_of_what_has_the_focus_first() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "4", "tab", "f1")
        await until(pilot, lambda: "--model" in text(pilot))
        await press(pilot, "escape", "f1")
        assert isinstance(app.screen, HelpDialog)
