"""Themes are seen before one is chosen."""

from __future__ import annotations

from tests.tui.support import FAKE_WORKER, press, shown, until, words
from tui.app import ShadowApp
from tui.widgets.themes import ThemePalette


async def test_the_one_under_the_cursor_is_on_the_screen_until_one_leaves() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        before = app.theme
        app.search_themes()
        await until(pilot, lambda: "arrows show it" in words(pilot))
        first, second, *_ = sorted(app.available_themes)
        await until(pilot, lambda: first in words(pilot))
        assert app.theme == before
        await press(pilot, "down")
        await until(pilot, lambda: app.theme == second)
        await press(pilot, "up")
        await until(pilot, lambda: app.theme == first)
        await press(pilot, "escape")
        await until(pilot, lambda: not isinstance(app.screen, ThemePalette))
        assert app.theme == before
        app.search_themes()
        await until(pilot, lambda: isinstance(app.screen, ThemePalette))
        await press(pilot, *"monokai")
        await until(pilot, lambda: app.theme == "monokai")
        await press(pilot, "enter")
        await until(pilot, lambda: not isinstance(app.screen, ThemePalette))
        await until(pilot, lambda: app.state.theme == "monokai")
        assert app.theme == "monokai"
