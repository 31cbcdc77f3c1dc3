"""The chart of losses: training and validation, attached and detached, on one pair of axes.

A chart of our own, because Textual's one widget of the kind (``Sparkline``) draws a single series
without axes. Beside it there are ``textual-plotext`` and ``textual-plot``, which draw several in
braille too. A run needs more than that: colours that are declared in CSS and follow whatever theme
is chosen, a say in whose colour a cell has where curves meet, the extremes of a hundred thousand
steps kept in the few columns that there are, and a cursor that reads values off. Only the drawing
would be theirs: some 230 lines (:mod:`tui.views.plot`), for a dependency or two.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from shadow_mlx.runs.curves import RunView, Series
from tui.views import ticks
from tui.views.plot import Axes, Curve, Look, Plot, axes, extent, plot, value_near
from tui.views.words import short
from tui.widgets.lines import Lines

SMOOTHING = (0.0, 0.6, 0.9, 0.97)
AXIS = 7  # columns of the labels of the y-axis
CELLS = 10_000  # more than a line has
ROWS_A_TICK, CELLS_A_TICK = 3, 14
OVERLAYS = 3
"""Other runs that can be laid over one, each with its number as its mark and a colour."""


@dataclass(frozen=True)
class Overlay:
    """Another run's curve to compare with."""

    name: str
    series: Series


class LossChart(Widget, can_focus=True):
    """Curves of a run. What it shows is set by :meth:`show`; how, by its keys."""

    HELP = """\
# Loss chart

Lines are training losses, `o` and `x` the validation losses of **attached** and **detached**,
`1` to `3` those of other runs; `★` marks the best checkpoint.

- `l` logarithmic axis, `m` smoothing, `u` outliers in or out
- `d` the shadow's own curves on or off
- `left` `right` move the cursor and read the values; `shift` makes ten steps
- `+` `-` zoom around the cursor, `0` shows everything again
"""
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--train",
        "chart--shadow",
        "chart--valid",
        "chart--valid-shadow",
        "chart--best",
        "chart--axis",
        *(f"chart--other-{i}" for i in range(1, OVERLAYS + 1)),
    }
    DEFAULT_CSS = """
    LossChart { height: 1fr; min-height: 6; }
    LossChart:focus { background-tint: $foreground 4%; }
    LossChart > .chart--train { color: $primary; }
    LossChart > .chart--shadow { color: $warning; }
    LossChart > .chart--valid { color: $success; text-style: bold; }
    LossChart > .chart--valid-shadow { color: $warning; text-style: bold; }
    LossChart > .chart--best { color: $foreground; text-style: bold; }
    LossChart > .chart--other-1 { color: $error; text-style: bold; }
    LossChart > .chart--other-2 { color: $accent; text-style: bold; }
    LossChart > .chart--other-3 { color: $secondary; text-style: bold; }
    LossChart > .chart--axis { color: $foreground 60%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", "Log scale", show=False, id="chart-log"),
        Binding("m", "smooth", "Smoothing", show=False, id="chart-smooth"),
        Binding("u", "clip", "Outliers", show=False, id="chart-clip"),
        Binding("d", "shadows", "Shadow curves", show=False, id="chart-shadow"),
        Binding("left", "cursor(-1)", "Cursor left", show=False),
        Binding("right", "cursor(1)", "Cursor right", show=False),
        Binding("shift+left", "cursor(-10)", "Cursor far left", show=False),
        Binding("shift+right", "cursor(10)", "Cursor far right", show=False),
        Binding("plus,equals_sign", "zoom(2)", "Zoom in", show=False, id="chart-zoom-in"),
        Binding("minus", "zoom(0.5)", "Zoom out", show=False, id="chart-zoom-out"),
        Binding("0", "whole", "Show everything", show=False, id="chart-whole"),
    ]

    class LookChanged(Message):
        """The person changed how curves are shown."""

        def __init__(self, look: Look) -> None:
            super().__init__()
            self.look = look

    def __init__(self, look: Look | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.look = look or Look()
        self._view = RunView()
        self._overlays: tuple[Overlay, ...] = ()
        self._with_shadow = True
        self._cursor: int | None = None
        self._plot: Plot | None = None

    def begin(self) -> None:
        """Another run comes: the whole of it, and no step of the last one."""
        self._cursor, self.look = None, dataclasses.replace(self.look, window=None)
        self.show(RunView())

    def show(self, view: RunView, overlays: tuple[Overlay, ...] = ()) -> None:
        """Show a run, and other runs' validation losses over it."""
        self._view, self._overlays = view, overlays
        self.refresh()

    @property
    def cursor_step(self) -> float | None:
        """The step under the cursor, while there is one."""
        if self._cursor is None or self._plot is None:
            return None
        return self._plot.step_at(self._cursor)

    def render(self) -> Lines | Text:
        """Legend, rows with the y-axis, and the x-axis."""
        width, height = self.size.width - AXIS, self.size.height - 2
        curves = self._curves()
        drawn = [c for c, _ in curves]
        at = axes(drawn, self._window())
        how = self._how(at) if at else ""  # which takes a line
        height -= bool(how)
        if at is None or width < 1 or height < 1:
            self._plot = None
            return self._empty()
        self._plot = shown = plot(drawn, at, width, height)
        if self._cursor is not None:
            self._cursor = max(0, min(self._cursor, width - 1))
        styles = [self._style(name) for _, name in curves]
        lines = [list(self._legend(curves, styles).render(self.app.console))]
        if how:
            lines.append([Segment(" " * AXIS + how, self._style("axis"))])
        best, labels = self._best_place(shown), self._y_labels(shown)
        for row, cells in enumerate(shown.cells):
            column = best[1] if best and best[0] == row else None
            label = f"{labels[row]:>{AXIS - 2}} ┤" if row in labels else " " * (AXIS - 1) + "│"
            lines.append([Segment(label, self._style("axis")), *self._row(cells, styles, column)])
        lines.append([self._x_axis(shown, width)])
        return Lines(lines)

    def _curves(self) -> list[tuple[Curve, str]]:
        view, found = self._view, []
        if self._with_shadow:
            found.append((_curve(view.shadow), "shadow"))
        found.append((_curve(view.train), "train"))
        for i, other in enumerate(self._overlays[:OVERLAYS], 1):
            found.append((_curve(other.series, other.name, mark=str(i)), f"other-{i}"))
        if self._with_shadow:
            found.append((_curve(view.valid_shadow, mark="x"), "valid-shadow"))
        found.append((_curve(view.valid, mark="o"), "valid"))
        return [(curve, name) for curve, name in found if len(curve.steps)]

    def _window(self) -> Look:
        """How it is shown: as long as the run itself, however long those are that lie over it."""
        own = [np.asarray(series.steps) for series in (self._view.train, self._view.valid)]
        if self.look.window is not None or not self._overlays or not any(map(len, own)):
            return self.look
        return dataclasses.replace(self.look, window=extent(own))

    def _style(self, name: str) -> Style:
        styles = self.get_component_styles(f"chart--{name}")
        color = self.background_colors[1] + styles.color  # which may be translucent
        return Style(color=color.rich_color) + styles.text_style

    def _legend(self, curves: list[tuple[Curve, str]], styles: list[Style]) -> Text:
        """Names with the last values, or with those under the cursor."""
        at = self.cursor_step
        if at is not None and (near := value_near(curves[-1][0], at)):
            at = near[0]  # the step of which there are values
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{'step ' + format(at, '.0f') if at is not None else 'loss':<{AXIS - 1}} ")
        if self._view.best_step is not None:
            text.append("★", self._style("best"))
            text.append(f" best {short(self._view.best_loss or 0.0)} @{self._view.best_step}  ")
        for (curve, _), style in reversed(list(zip(curves, styles, strict=True))):
            near = value_near(curve, at) if at is not None else None
            value = near[1] if near else float(curve.values[-1])
            text.append(curve.mark or "──", style)
            text.append(f" {curve.name} {short(value)}  ")
        text.truncate(self.size.width, overflow="ellipsis")
        return text

    def _how(self, at: Axes) -> str:
        parts = ["log"] if at.log else []
        if self.look.smoothing:
            parts.append(f"smooth {self.look.smoothing:g}")
        if at.clipped:
            parts.append(f"{at.clipped} outliers above")
        if self.look.window is not None:
            parts.append("zoomed (0: everything)")
        return " · ".join(parts)

    def _best_place(self, plot: Plot) -> tuple[int, int] | None:
        view = self._view
        if view.best_step is None or view.best_loss is None:
            return None
        column = plot.column_of(view.best_step)
        if column is None:
            return None
        rows = range(len(plot.cells))
        return min(rows, key=lambda r: abs(plot.value_at_row(r) - (view.best_loss or 0))), column

    def _y_labels(self, plot: Plot) -> dict[int, str]:
        """Round numbers, by the row in which they stand."""
        most = max(2, len(plot.cells) // ROWS_A_TICK)
        between = ticks.logarithmic if plot.log else ticks.linear
        values = between(plot.low, plot.high, most)
        written = ticks.labels(values)
        if any(len(label) > AXIS - 2 for label in written):
            written = [short(value)[: AXIS - 2] for value in values]
        rows = (plot.row_of(value) for value in values)
        return {row: label for row, label in zip(rows, written, strict=True) if row is not None}

    def _row(
        self, cells: list[tuple[str, int]], styles: list[Style], best: int | None
    ) -> list[Segment]:
        pieces = [
            Segment(
                "".join(character for character, _ in run), styles[owner] if owner >= 0 else None
            )
            for owner, run in groupby(cells, key=itemgetter(1))
        ]
        cursor = self._cursor if self.has_focus else None
        if cursor is not None:
            shown = cells[cursor][0]
            mark = Segment("┊" if shown == " " else shown, Style(reverse=True))
            pieces = _replaced(pieces, cursor, mark)
        if best is not None:
            pieces = _replaced(pieces, best, Segment("★", self._style("best")))
        return pieces

    def _x_axis(self, plot: Plot, width: int) -> Segment:
        line = [" "] * width
        for step in ticks.linear(plot.first, plot.last, max(2, width // CELLS_A_TICK), whole=True):
            label = f"{step:.0f}"
            start = (plot.column_of(step) or 0) - len(label) // 2
            start = max(0, min(start, width - len(label)))
            line[start : start + len(label)] = label
        return Segment((" " * AXIS + "".join(line))[: AXIS + width], self._style("axis"))

    def _empty(self) -> Text:
        message = "The curves begin with the first report." if self.size.width > 45 else "No points"
        return Text("\n" * max(0, self.size.height // 2) + message, justify="center")

    def _change(self, **changes: object) -> None:
        self.look = dataclasses.replace(self.look, **changes)  # type: ignore[arg-type]  # fields of Look
        self.refresh()
        self.post_message(self.LookChanged(self.look))

    def action_log(self) -> None:
        """Logarithmic or linear y-axis."""
        self._change(log=not self.look.log)

    def action_clip(self) -> None:
        """Leave outliers out of the range, or let them in."""
        self._change(clip=not self.look.clip)

    def action_smooth(self) -> None:
        """The next strength of smoothing."""
        i = SMOOTHING.index(self.look.smoothing) if self.look.smoothing in SMOOTHING else 0
        self._change(smoothing=SMOOTHING[(i + 1) % len(SMOOTHING)])

    def action_shadows(self) -> None:
        """Show the shadow's own curves, or not."""
        self._with_shadow = not self._with_shadow
        self.refresh()

    def action_cursor(self, by: int) -> None:
        """Move the cursor; it appears at the right end."""
        if self._plot is None:
            return
        width = len(self._plot.cells[0])
        at = width if self._cursor is None else self._cursor
        self._cursor = max(0, min(width - 1, at + by))
        self.refresh()

    def action_zoom(self, factor: float) -> None:
        """Show a shorter or longer stretch around the cursor (or the end)."""
        if self._plot is None:
            return
        first, last = self._plot.first, self._plot.last
        center = self.cursor_step if self.cursor_step is not None else last
        span = max((last - first) / factor, 4.0)
        whole_first, whole_last = extent([curve.steps for curve, _ in self._curves()])
        if span >= whole_last - whole_first:
            self.action_whole()
            return
        start = min(max(whole_first, center - span / 2), whole_last - span)
        self._change(window=(start, start + span))

    def action_whole(self) -> None:
        """Show everything."""
        self._change(window=None)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        self._cursor = max(0, event.x - AXIS)
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in."""
        event.stop()
        self.action_zoom(2)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out."""
        event.stop()
        self.action_zoom(0.5)


def _replaced(pieces: list[Segment], column: int, piece: Segment) -> list[Segment]:
    """With one cell exchanged."""
    before, _, after = Segment.divide(pieces, [column, column + 1, CELLS])
    return [*before, piece, *after]


def _curve(series: Series, name: str | None = None, mark: str = "") -> Curve:
    steps, values = np.asarray(series.steps), np.asarray(series.values)
    return Curve(name or series.name, steps, values, mark)
