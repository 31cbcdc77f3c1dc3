"""Small charts of a run beside that of its losses: learning rate, gradient norm, speed, memory."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.widget import Widget

from shadow_mlx.runs.curves import RunView, Series
from tui.views.plot import Curve, Look, draw, extent
from tui.views.run_facts import measures
from tui.widgets.lines import Lines

BESIDE = 64
"""Columns from which on two stand beside each other."""

GAP = 2


class Gauges(Widget):
    """Each with its name, its last value at the right edge, and its history below them.

    They share the x-axis of the losses: as long as the run will be, while it is at work.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"gauges--name", "gauges--value", "gauges--line"}
    DEFAULT_CSS = """
    Gauges { height: 1fr; min-height: 8; max-height: 24; padding: 0 1; }
    Gauges > .gauges--name { color: $foreground 60%; }
    Gauges > .gauges--value { color: $foreground; }
    Gauges > .gauges--line { color: $foreground 75%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = RunView()
        self._last: float | None = None

    def show(self, view: RunView, last: float | None = None) -> None:
        """Show a run whose last step will be ``last``; ``None`` where it is over."""
        self._view, self._last = view, last
        self.refresh()

    def render(self) -> Lines:
        """One below the other, or two in a row."""
        view = self._view
        charts = list(
            zip(measures(view), (view.rate, view.gradient, view.speed, view.memory), strict=False)
        )
        columns = 2 if self.size.width >= BESIDE else 1
        width = (self.size.width - GAP * (columns - 1)) // columns
        height = self.size.height // max(1, -(-len(charts) // columns))
        lines: list[list[Segment]] = []
        for i in range(0, len(charts), columns):
            row = [self._one(*fact, series, width, height) for fact, series in charts[i:][:columns]]
            for parts in zip_longest(*row, fillvalue=[Segment(" " * width)]):
                line = list(parts[0])
                for part in parts[1:]:
                    line += [Segment(" " * GAP), *part]
                lines.append(line)
        return Lines(lines)

    def _one(
        self, name: str, value: str, series: Series, width: int, height: int
    ) -> list[list[Segment]]:
        """A chart of so many rows, the first of which is its name and its value."""
        value = value[: max(0, width - len(name) - 1)]
        lines = [
            [
                Segment(name, self._styled("name")),
                Segment(f"{value:>{max(0, width - len(name))}}", self._styled("value")),
            ]
        ]
        steps = np.asarray(series.steps)
        curve = Curve(name, steps, np.asarray(series.values))
        if not len(steps) or width < 1 or height < 2:
            return lines
        first, last = extent([steps])
        look = Look(log=False, clip=False, window=(first, max(last, self._last or last)))
        drawn = draw([curve], width, height - 1, look)
        style = self._styled("line")
        for row in drawn.cells if drawn else ():
            lines.append([Segment("".join(character for character, _ in row), style)])
        return lines

    def _styled(self, name: str) -> Style:
        color = self.background_colors[1] + self.get_component_styles(f"gauges--{name}").color
        return Style(color=color.rich_color)
