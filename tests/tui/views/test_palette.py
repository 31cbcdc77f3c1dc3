from __future__ import annotations

import pytest
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.theme import BUILTIN_THEMES
from textual.widgets import Static

from shadow_mlx.colours import colours
from tests.tui.support import FAKE_WORKER, shown
from tui.app import ShadowApp
from tui.views import palette


def test_a_rival_has_the_first_of_the_other_colours() -> None:
    assert [palette.way(mode) for mode in ("base", "attached", "detached", "lora")] == [
        "way-base",
        "way-attached",
        "way-detached",
        "way-other-1",
    ]


@pytest.mark.parametrize("name", BUILTIN_THEMES)
async def test_each_theme_has_all_of_them_for_style_sheets_and_for_texts(name: str) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        app.theme = name
        await pilot.pause()
        for meaning in ("good", "bad", *map(palette.way, ("base", "attached", "detached", "x"))):
            wanted = Color.parse(app.theme_variables[meaning]).rich_color
            assert app.console.get_style(meaning) == Style(color=wanted), meaning


def test_a_badge_is_readable_without_colour() -> None:
    text = palette.badge("BASE", "way-base")
    assert isinstance(text, Text)
    assert text.plain == " BASE "
    assert "reverse" in str(text.style)


async def test_what_is_shown_has_the_colours_of_the_theme_that_is_chosen() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        part = Static(Text().append("who", "way-attached"))
        await app.screen.mount(part)
        found = []
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await pilot.pause()
            (piece,) = (one for one in part.render_line(0) if one.text == "who")
            assert piece.style is not None
            found.append(piece.style.color)
        wanted = [colours(dark=dark)["attached"] for dark in (True, False)]
        assert [one.name for one in found if one] == wanted
