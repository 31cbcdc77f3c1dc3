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
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from shadow_mlx.runs.curves import RunView
from shadow_mlx.words import clock
from tui.views import ticks
from tui.views.end_labels import spread
from tui.views.legend import BEST, Entry, legend
from tui.views.loss_curves import OVERLAYS, Ahead, Losses, Overlay, last_of
from tui.views.plot import Look, Plot, axes, plot, value_near
from tui.views.words import short
from tui.widgets.lines import Lines

SMOOTHING = (0.0, 0.6, 0.9, 0.97)
AXIS = 7  # columns of the labels of the y-axis
CELLS = 10_000  # more than a line has
ROWS_A_TICK, CELLS_A_TICK, LEAST_TICKS = 3, 14, 3
ROOMY = 100
"""Columns from which on curves are named beside their ends, and not in a legend."""

PAN = 0.25
"""Of what is shown, how much a key moves it on."""


class LossChart(Widget, can_focus=True):
    """Curves of a run. What it shows is set by :meth:`show`; how, by its keys."""

    HELP = """\
# Loss chart

Lines are training losses (dashed: **detached**), `o` and `x` the validation losses of **attached**
and **detached**,
`1` to `3` those of other runs; `★` marks the best checkpoint. While the run is at work the axis
reaches to its end, and a thin line stands at now.

- `l` logarithmic axis or not: by itself it is where the losses fall far · `m` smoothing,
  `u` outliers in or out
- `d` the shadow's own curves on or off · `w` by steps or by time, where runs of different speed are
  compared
- `left` `right` move the cursor and read the values; with `ctrl`, ten columns
- `+` `-` zoom around the cursor, `shift` with an arrow moves what is shown then, `0` shows
  everything again
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
    LossChart { height: 1fr; min-height: 6; margin-left: 1; }
    LossChart:focus { background-tint: $foreground 4%; }
    LossChart > .chart--train { color: $way-attached; }
    LossChart > .chart--shadow { color: $way-detached; }
    LossChart > .chart--valid { color: $way-attached; text-style: bold; }
    LossChart > .chart--valid-shadow { color: $way-detached; text-style: bold; }
    LossChart > .chart--best { color: $foreground; text-style: bold; }
    LossChart > .chart--other-1 { color: $way-other-1; text-style: bold; }
    LossChart > .chart--other-2 { color: $way-other-2; text-style: bold; }
    LossChart > .chart--other-3 { color: $way-other-3; text-style: bold; }
    LossChart > .chart--axis { color: $foreground 60%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "log", "Log scale", show=False, id="chart-log"),
        Binding("m", "smooth", "Smoothing", show=False, id="chart-smooth"),
        Binding("u", "clip", "Outliers", show=False, id="chart-clip"),
        Binding("d", "shadows", "Shadow curves", show=False, id="chart-shadow"),
        Binding("left", "cursor(-1)", "Cursor left", show=False),
        Binding("right", "cursor(1)", "Cursor right", show=False),
        Binding("ctrl+left", "cursor(-10)", "Cursor far left", show=False),
        Binding("ctrl+right", "cursor(10)", "Cursor far right", show=False),
        Binding("shift+left", "pan(-1)", "Earlier part", show=False, id="chart-earlier"),
        Binding("shift+right", "pan(1)", "Later part", show=False, id="chart-later"),
        Binding("w", "by_time", "By steps or time", show=False, id="chart-time"),
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
        self._ahead: Ahead | None = None
        self._with_shadow = True
        self._cursor: int | None = None
        self._plot: Plot | None = None

    def begin(self) -> None:
        """Another run comes: the whole of it, and no step of the last one."""
        self._cursor, self.look = None, dataclasses.replace(self.look, window=None)
        self.show(RunView())

    def show(
        self, view: RunView, overlays: tuple[Overlay, ...] = (), ahead: Ahead | None = None
    ) -> None:
        """Show a run, other runs' validation losses over it, and what is ahead of it."""
        self._view, self._overlays, self._ahead = view, overlays, ahead
        self.refresh()

    @property
    def cursor_at(self) -> float | None:
        """Where on the x-axis the cursor is, while there is one."""
        if self._cursor is None or self._plot is None:
            return None
        return self._plot.step_at(self._cursor)

    def render(self) -> Lines | Text:
        """What is shown, rows with the y-axis, and the x-axis."""
        height, room, losses = self.size.height - 2, self.size.width - AXIS, self._losses
        curves = [curve for curve, _ in losses.curves]
        names: list[str] = []
        if self.size.width >= ROOMY and len(curves) <= height:
            names = [f" {losses.called(one)} {short(last_of(one))} " for one in curves]
        width = room - max(map(cell_len, names), default=0)
        at = axes(curves, self._window(losses)) if curves else None
        if at is None or width < 1 or height < 1:
            self._plot = None
            return self._empty()
        self._plot = shown = plot(curves, at, width, height)
        if self._cursor is not None:
            self._cursor = max(0, min(self._cursor, width - 1))
        styles = [self._style(name) for _, name in losses.curves]
        rows = self._rows(shown, losses, styles)
        if names:
            self._write_names(rows, shown, losses, names, styles)
        head = self._head(losses, styles, beside=bool(names)).render(self.app.console)
        return Lines([list(head), *rows, [self._x_axis(shown, width, room)]])

    @property
    def _losses(self) -> Losses:
        return Losses(self._view, self._overlays, self._ahead, self.look.by_time, self._with_shadow)

    def _window(self, losses: Losses) -> Look:
        if self.look.window is not None:
            return self.look
        return dataclasses.replace(self.look, window=losses.whole)

    def _rows(self, shown: Plot, losses: Losses, styles: list[Style]) -> list[list[Segment]]:
        """The y-axis and the curves, with what stands on them: now, the best, and the cursor."""
        rows, axis = [], self._style("axis")
        labels, best, now = self._y_labels(shown), _best_cell(shown, losses), _now(shown, losses)
        cursor = self._cursor if self.has_focus else None
        for row, cells in enumerate(shown.cells):
            label = f"{labels[row]:>{AXIS - 2}} ┤" if row in labels else " " * (AXIS - 1) + "│"
            pieces = _pieces(cells, styles)
            if now is not None and cells[now][0] == " ":
                pieces = _replaced(pieces, now, Segment("┊", axis))
            if cursor is not None:
                shows = cells[cursor][0]
                mark = Segment("│" if shows == " " else shows, Style(reverse=shows != " "))
                pieces = _replaced(pieces, cursor, mark)
            if best is not None and best[0] == row:
                pieces = _replaced(pieces, best[1], Segment("★", self._style("best")))
            rows.append([Segment(label, axis), *pieces])
        return rows

    def _write_names(
        self,
        rows: list[list[Segment]],
        shown: Plot,
        losses: Losses,
        names: list[str],
        styles: list[Style],
    ) -> None:
        """Write the names of the curves beside their ends, into the rows or behind them."""
        now, start = _now(shown, losses), len(shown.cells[0])
        if now is not None and not losses.overlays:  # nothing is drawn there yet
            start = min(start, now + 1)
        ends = [shown.row_of(shown.within(last_of(curve))) or 0 for curve, _ in losses.curves]
        longest = max(map(cell_len, names))
        for row in rows:
            row.append(Segment(" " * longest))
        for place, name, style in zip(spread(ends, len(rows)), names, styles, strict=True):
            rows[place] = _replaced(rows[place], AXIS + start, Segment(name, style))

    def _style(self, name: str) -> Style:
        styles = self.get_component_styles(f"chart--{name}")
        color = self.background_colors[1] + styles.color  # which may be translucent
        return Style(color=color.rich_color) + styles.text_style

    def _head(self, losses: Losses, styles: list[Style], *, beside: bool) -> Text:
        """How it is drawn, the best, and the curves with their last values; those at the cursor.

        Curves that are named ``beside`` their ends are here only for what the cursor reads off.
        """
        curves = losses.curves
        at = self.cursor_at
        if at is not None and (near := value_near(curves[-1][0], at)):
            at = near[0]  # where there are values
        lead, best = Text(f"{self._along(at) if at is not None else 'loss':<{AXIS - 1}} "), Text()
        if how := self._how():
            lead.append(f"{how}  ", self._style("axis"))
        if self._view.best_step is not None:
            best.append(BEST[:1], self._style("best"))
            best.append(BEST[1:])
            best.append(f" {short(self._view.best_loss or 0.0)} @{self._view.best_step}")
        entries = []
        for (curve, _), style in reversed(list(zip(curves, styles, strict=True))):
            if at is None and beside:
                break
            near = value_near(curve, at) if at is not None else None
            value = short(near[1] if near else last_of(curve))
            name = losses.called(curve, brief=True)
            entries.append(Entry(losses.kind(curve), name, value, style))
        return legend(lead, entries, best, self.size.width)

    def _along(self, at: float) -> str:
        """A place on the x-axis, in words."""
        return clock(at) if self.look.by_time else f"step {at:.0f}"

    def _how(self) -> str:
        assert self._plot is not None
        parts = ["log"] if self._plot.log else []
        if self.look.smoothing:
            parts.append(f"smooth {self.look.smoothing:g}")
        if self.look.by_time:
            parts.append("by time")
        if self._plot.clipped:
            parts.append(f"{self._plot.clipped} outliers above")
        if self.look.window is not None:
            parts.append("zoomed (0: everything)")
        return " · ".join(parts)

    def _y_labels(self, plot: Plot) -> dict[int, str]:
        """Round numbers, by the row in which they stand."""
        most = max(LEAST_TICKS, len(plot.cells) // ROWS_A_TICK)
        between = ticks.logarithmic if plot.log else ticks.linear
        values = between(plot.low, plot.high, most)
        written = ticks.labels(values)
        if any(len(label) > AXIS - 2 for label in written):
            written = [short(value)[: AXIS - 2] for value in values]
        rows = (plot.row_of(value) for value in values)
        return {row: label for row, label in zip(rows, written, strict=True) if row is not None}

    def _x_axis(self, plot: Plot, width: int, room: int) -> Segment:
        line, most = [" "] * room, max(2, width // CELLS_A_TICK)
        if self.look.by_time:
            found = [(at, clock(at)) for at in ticks.times(plot.first, plot.last, most)]
        else:
            steps = ticks.linear(plot.first, plot.last, most, whole=True)
            found = [(step, f"{step:.0f}") for step in steps]
        for at, label in found:
            start = (plot.column_of(at) or 0) - len(label) // 2
            start = max(0, min(start, room - len(label)))
            line[start : start + len(label)] = label
        return Segment((" " * AXIS + "".join(line))[: AXIS + room], self._style("axis"))

    def _empty(self) -> Text:
        message = "The curves begin with the first report." if self.size.width > 45 else "No points"
        return Text("\n" * max(0, self.size.height // 2) + message, justify="center")

    def _change(self, **changes: object) -> None:
        self.look = dataclasses.replace(self.look, **changes)  # type: ignore[arg-type]  # fields of Look
        self.refresh()
        self.post_message(self.LookChanged(self.look))

    def action_log(self) -> None:
        """Logarithmic or linear y-axis; what is chosen stays so for runs to come."""
        now = self._plot.log if self._plot is not None else bool(self.look.log)
        self._change(log=not now)

    def action_by_time(self) -> None:
        """Steps or time on the x-axis; all of it, as a part of the one is none of the other."""
        self._cursor = None
        self._change(by_time=not self.look.by_time, window=None)

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
        center = self.cursor_at
        if center is None:
            now = self._losses.now
            center = min(last, now) if now is not None else last
        span = max((last - first) / factor, 4.0)
        whole_first, whole_last = self._losses.whole
        if span >= whole_last - whole_first:
            self.action_whole()
            return
        start = min(max(whole_first, center - span / 2), whole_last - span)
        self._change(window=(start, start + span))

    def action_pan(self, by: int) -> None:
        """Move what is shown of a part by a quarter of it, up to the ends of the whole."""
        if self.look.window is None or self._plot is None:
            return
        first, last = self.look.window
        whole_first, whole_last = self._losses.whole
        way = by * PAN * (last - first)
        way = max(whole_first - first, way) if by < 0 else min(whole_last - last, way)
        self._change(window=(first + way, last + way))

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


def _pieces(cells: list[tuple[str, int]], styles: list[Style]) -> list[Segment]:
    """A row of a plot, its cells of one owner together."""
    return [
        Segment("".join(character for character, _ in run), styles[owner] if owner >= 0 else None)
        for owner, run in groupby(cells, key=itemgetter(1))
    ]


def _replaced(pieces: list[Segment], column: int, piece: Segment) -> list[Segment]:
    """With as many cells exchanged as the piece has."""
    before, _, after = Segment.divide(pieces, [column, column + piece.cell_length, CELLS])
    return [*before, piece, *after]


def _best_cell(shown: Plot, losses: Losses) -> tuple[int, int] | None:
    """Row and column of the best checkpoint."""
    if losses.best is None:
        return None
    at, loss = losses.best
    column, row = shown.column_of(at), shown.row_of(shown.within(loss))
    return (row, column) if column is not None and row is not None else None


def _now(shown: Plot, losses: Losses) -> int | None:
    """The column that a run has come to which is at work."""
    return shown.column_of(losses.now) if losses.now is not None else None
