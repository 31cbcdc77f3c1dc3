"""The filter alone: what it changes, and what it leaves as it is."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tui.views.contrast import ratio
from tui.widgets.legible import Legible, _rgb

GREY = Color(224, 224, 224)


def changed(text: str, style: str) -> Style:
    (found,) = Legible().apply([Segment(text, Style.parse(style))], GREY)
    assert found.text == text
    assert found.style is not None
    return found.style


def test_what_is_read_well_is_left_alone() -> None:
    segments = [
        Segment("a", Style.parse("bold #000000 on #ffffff")),
        Segment("b"),
        Segment("c", None),
    ]
    assert Legible().apply(segments, GREY) == segments
    assert changed("a", "red on default") == Style.parse("red on default")  # the terminal's own


@pytest.mark.parametrize(
    "style", ["#ffa62b", "bold #ffa62b on #e0e0e0", "italic #888888 on #777777"]
)
def test_text_gets_the_contrast_that_it_needs_and_no_more(style: str) -> None:
    found = changed("word", style)
    before, under = Style.parse(style), _rgb(found.bgcolor) or GREY.rgb
    written = _rgb(found.color)
    assert written is not None
    assert 4.5 <= ratio(written, under) < 4.8
    assert (found.bold, found.italic, found.bgcolor) == (before.bold, before.italic, before.bgcolor)


def test_of_reversed_text_the_letters_change() -> None:
    found = changed("word", "reverse #888888 on #777777")
    assert found.color == Style.parse("#888888").color
    assert found.bgcolor != Style.parse("on #777777").bgcolor


def test_frames_and_blocks_have_the_colours_of_surfaces() -> None:
    assert changed("─ ▁▔│", "#888888 on #777777") == Style.parse("#888888 on #777777")
