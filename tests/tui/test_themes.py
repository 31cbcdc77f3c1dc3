"""Every page in every theme: each cell that says something can be read."""

from __future__ import annotations

from functools import cache

import pytest
from rich.color import Color
from rich.style import Style
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES

from tests.tui import snapshots
from tests.tui.support import FAKE_WORKER, WIDE, shown
from tui import style_sheet
from tui.app import ShadowApp

LEAST = 4.5
THEMES = sorted(name for name, theme in BUILTIN_THEMES.items() if not theme.ansi)
"""The others use the terminal's own sixteen colours, which only the terminal knows."""

HALVES = (THEMES[::2], THEMES[1::2])
"""Changing a theme is most of the work, and each page has each at one of the sizes."""

PARSED = cache(style_sheet._parsed_with.__wrapped__)
"""The program remembers the rules of a few themes; here each page asks for those of all."""


def luminance(color: Color) -> float:
    """As WCAG 2.2 defines it, written down once more for the test."""
    assert color.triplet is not None, color
    levels = [level / 255 for level in color.triplet]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@cache
def contrast(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    low, high = sorted((luminance(style.color), luminance(style.bgcolor)))
    return (high + 0.05) / (low + 0.05)


def says_something(text: str) -> bool:
    return any(letter != " " and not "\u2500" <= letter <= "\u259f" for letter in text)


def hardly_read(screen: Screen[object]) -> list[str]:
    """Pieces of text of too little contrast, each with its place."""
    found = []
    for row, strip in enumerate(screen._compositor.render_strips()):
        column = 0
        for piece in strip:
            if says_something(piece.text):
                assert piece.style is not None
                if (ratio := contrast(piece.style)) < LEAST:
                    found.append(f"{row}:{column} {piece.text.strip()!r} {ratio:.2f} {piece.style}")
            column += piece.cell_length
    return found


@pytest.mark.parametrize("size", snapshots.SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", snapshots.SCENES)
async def test_every_cell_of_a_page_is_read_well_in_every_theme(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the themes at either size, from page to page the other half."""
    snapshots.stage(monkeypatch)
    monkeypatch.setattr(style_sheet, "_parsed_with", PARSED)
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, size) as pilot:
        await snapshots.SCENES[name](pilot)
        for theme in HALVES[(list(snapshots.SCENES).index(name) + (size == WIDE)) % 2]:
            app.theme = theme
            await pilot.pause()
            assert not (found := hardly_read(app.screen)), "\n".join(
                [f"{name} in {theme}:", *found]
            )


def test_either_half_has_themes_of_both_kinds() -> None:
    for half in HALVES:
        assert {BUILTIN_THEMES[name].dark for name in half} == {True, False}
        assert len(half) > 5
