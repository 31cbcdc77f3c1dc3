"""Lines that are put on the screen as they are."""

from __future__ import annotations

from rich.segment import Segment
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual


class Lines(Visual):
    """Lines of styled pieces, of one width: a tenth of the work of a text that may be wrapped.

    Args:
        lines: From the top; each as wide as the widget, or cut and filled to that.
    """

    def __init__(self, lines: list[list[Segment]]) -> None:
        self._lines = lines

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """The lines on the widget's own colours."""
        base = style.rich_style
        return [
            Strip(Segment.apply_style(line, base)).adjust_cell_length(width, base)
            for line in self._lines[:height]
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """That of the longest line."""
        return max((Segment.get_line_length(line) for line in self._lines), default=0)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """That of all lines."""
        return len(self._lines)
