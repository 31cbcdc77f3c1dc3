"""Whatever a theme's colours are, what is written in them can be read."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from tui.views.contrast import Rgb, readable

DECORATION = {" ", *map(chr, range(0x2500, 0x25A0))}
"""Lines, frames and blocks: theirs are the colours of surfaces."""


class Legible(LineFilter):
    """Gives text whose colour is too near to what it stands on as much more contrast as it needs.

    Themes are made for the widgets that their makers saw: of Textual's, most have some pair of
    colours that is used here and hardly read. This is the last of the filters, behind that which
    blends what is dim, so that no widget, of ours or of Textual's, has to think of it.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, those of text in colours that can be read."""
        return [_written(segment, background) for segment in segments]


def _written(segment: Segment, background: Color) -> Segment:
    text, style, control = segment
    if style is None or control:
        return segment
    better = _legible(style, background)
    if better is style or DECORATION.issuperset(text):
        return segment
    return Segment(text, better, control)


@lru_cache(4096)
def _legible(style: Style, background: Color) -> Style:
    """The style itself where it is read well."""
    under = _rgb(style.bgcolor) or background.rgb
    written = _rgb(style.color)
    if written is None:  # one of the terminal's own colours, of which nothing is known
        return style
    if style.reverse:
        better = readable(under, written)
        return style if better == under else style + Style(bgcolor=RichColor.from_rgb(*better))
    better = readable(written, under)
    return style if better == written else style + Style(color=RichColor.from_rgb(*better))


def _rgb(colour: RichColor | None) -> Rgb | None:
    if colour is None or colour.triplet is None:
        return None
    red, green, blue = colour.triplet
    return red, green, blue
