"""Curves as braille: pure functions from series to rows of characters, with no widget in sight.

A character cell is 2 × 4 dots. Each curve has its own rank; where two meet in a cell, the one of
the higher rank gives the cell its style, and both give their dots. H and W are rows and columns of
characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tui.views.envelope import Envelope, Indices, Values, envelope, nearest, smooth

Dots = npt.NDArray[np.bool_]

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.int64)
_CHARACTERS = [" ", *(chr(0x2800 + bits) for bits in range(1, 256))]
"""The braille character of each set of dots."""

SAMPLE = 4096
"""Points of a curve that are looked at to tell outliers: evenly spaced, where there are more."""

FAR = 10.0
"""A curve falls far that begins this many times as high as where it ends."""


@dataclass(frozen=True)
class Curve:
    """One curve. ``mark`` draws each point as this character instead of joining them by a line.

    A ``dashed`` line is told from another where there is no colour.
    """

    name: str
    steps: Values
    values: Values
    mark: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Look:
    """How curves are shown.

    Attributes:
        log: Logarithmic y-axis (only where all shown values are positive); ``None`` has one where
            the curves fall far.
        smoothing: 0 none, towards 1 more: weight of the past in a running average.
        window: Show only this interval of the x-axis.
        clip: Leave what stands out above the rest out of the range, so that it does not flatten
            that; how a curve begins is kept. A logarithmic axis has room for all.
        by_time: The x-axis is time, not steps; the curves are made so.
    """

    log: bool | None = None
    smoothing: float = 0.0
    window: tuple[float, float] | None = None
    clip: bool = True
    by_time: bool = False


@dataclass(frozen=True)
class Plot:
    """A drawn chart: ``cells[row][column]`` is (character, index of the curve or -1).

    ``low`` and ``high`` are the ends of the y-axis, ``first`` and ``last`` of the x-axis.
    """

    cells: list[list[tuple[str, int]]]
    low: float
    high: float
    first: float
    last: float
    log: bool
    clipped: int

    def column_of(self, step: float) -> int | None:
        """The column in which a step stands, or ``None`` outside the window."""
        if not self.cells or not self.first <= step <= self.last:
            return None
        width = len(self.cells[0])
        span = self.last - self.first
        return min(width - 1, int((step - self.first) / span * width)) if span else 0

    def step_at(self, column: int) -> float:
        """The step in the middle of a column."""
        width = len(self.cells[0]) if self.cells else 1
        return self.first + (column + 0.5) / width * (self.last - self.first)

    def row_of(self, value: float) -> int | None:
        """The row in which a value stands, or ``None`` where it is beyond the ends."""
        low, high = self.low, self.high
        if not low <= value <= high:
            return None
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        rows = len(self.cells)
        return min(rows - 1, int((high - value) / (high - low) * rows))

    def within(self, value: float) -> float:
        """The value, or the end of the y-axis that it is beyond."""
        return max(self.low, min(value, self.high))

    def value_at_row(self, row: int) -> float:
        """The value in the middle of a row."""
        share = 1 - (row + 0.5) / max(1, len(self.cells))
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return math.exp(low + share * (high - low))
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class Axes:
    """What of the curves is shown, and between which ends. ``shown`` holds (steps, values)."""

    shown: tuple[tuple[Values, Values], ...]
    low: float
    high: float
    first: float
    last: float
    log: bool
    clipped: int


def axes(curves: Sequence[Curve], look: Look) -> Axes | None:
    """Smooth, cut to the window, and find the ends; ``None`` when there is no point in it."""
    shown = tuple(_prepared(curve, look) for curve in curves)
    finite = [v[np.isfinite(v)] for _, v in shown]
    finite = [v for v in finite if len(v)]
    if not finite:
        return None
    low, high = min(float(v.min()) for v in finite), max(float(v.max()) for v in finite)
    log = (falls_far(curves) if look.log is None else look.log) and low > 0
    clipped = 0
    if look.clip and not log and (limit := _usual(finite, low)) < high:
        high, clipped = limit, sum(int((v > limit).sum()) for v in finite)
    if high - low < 1e-9 * max(1.0, abs(high)):
        spread = abs(high) * 0.05 or 0.5
        low, high = (low / 1.1, high * 1.1) if log else (low - spread, high + spread)
    first, last = look.window or extent([steps for steps, _ in shown])
    return Axes(shown, low, high, first, last, log, clipped)


def falls_far(curves: Sequence[Curve]) -> bool:
    """Whether a curve begins so high that a linear axis would show the rest as a flat line.

    That of which a part is looked at is judged as a whole: the axis stays when one zooms.
    """
    finite = [curve.values[np.isfinite(curve.values)] for curve in curves]
    finite = [values for values in finite if len(values)]
    if not finite:
        return False
    low = min(float(values.min()) for values in finite)
    return low > 0 and max(float(values[0]) for values in finite) >= FAR * low


def _usual(curves: Sequence[Values], low: float) -> float:
    """The highest value that does not stand out; a curve's fall at its beginning never does.

    Where 5 % of the values take more than two thirds of the range, those of them stand out that
    come after their curve has been among the others.
    """
    high = max(float(values.max()) for values in curves)
    sample = np.concatenate([v[:: math.ceil(len(v) / SAMPLE)] for v in curves])
    limit = _quantile(sample, 0.95)
    if len(sample) < 20 or not high - low > 3 * (limit - low) > 0:
        return high
    for values in curves:
        below = np.flatnonzero(values <= limit)
        fall = values[: below[0]] if len(below) else values
        limit = max(limit, float(fall.max())) if len(fall) else limit
    return limit


def _quantile(sample: Values, share: float) -> float:
    """As NumPy's, which first imports all that there is for masked arrays: 20 ms in a picture."""
    place = share * (len(sample) - 1)
    return float(np.interp(place, np.arange(len(sample)), np.sort(sample)))


def plot(curves: Sequence[Curve], at: Axes, width: int, height: int) -> Plot:
    """Draw what :func:`axes` found into ``height`` rows of ``width`` columns (both at least 1)."""
    bits = np.zeros((height, width), np.int64)
    owner = np.full((height, width), -1, np.int64)
    marks: list[tuple[Indices, Indices, str, int]] = []
    for rank, (curve, (steps, values)) in enumerate(zip(curves, at.shown, strict=True)):
        if curve.mark:
            marks.append((*_places(steps, values, at, width, height), curve.mark, rank))
            continue
        points = envelope(steps, values, at.first, at.last, width * 2)
        dots = _line(points, at, width * 2, height * 4)
        cells = _cells(_dashed(dots) if curve.dashed else dots)
        bits |= cells
        owner[cells > 0] = rank
    characters = [[_CHARACTERS[cell] for cell in row] for row in bits.tolist()]
    for rows, columns, mark, rank in marks:  # over all lines
        owner[rows, columns] = rank
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            characters[row][column] = mark
    rows_of_both = zip(characters, owner.tolist(), strict=True)
    drawn = [list(zip(*both, strict=True)) for both in rows_of_both]
    return Plot(drawn, at.low, at.high, at.first, at.last, at.log, at.clipped)


def draw(curves: Sequence[Curve], width: int, height: int, look: Look) -> Plot | None:
    """Draw curves into ``height`` rows of ``width`` columns; ``None`` when there is no point."""
    at = axes(curves, look)
    return plot(curves, at, width, height) if at and width >= 1 and height >= 1 else None


def extent(steps: Sequence[Values]) -> tuple[float, float]:
    """The first and the last step of several curves, of which at least one has points."""
    ends = [(float(s[0]), float(s[-1])) for s in steps if len(s)]
    return min(a for a, _ in ends), max(b for _, b in ends)


def value_near(curve: Curve, step: float) -> tuple[float, float] | None:
    """The point of a curve that is nearest to a step, as (step, value)."""
    i = nearest(curve.steps, step)
    return None if i is None else (float(curve.steps[i]), float(curve.values[i]))


def _prepared(curve: Curve, look: Look) -> tuple[Values, Values]:
    values = curve.values if curve.mark else smooth(curve.values, look.smoothing)
    if look.window is None:
        return curve.steps, values
    start = int(np.searchsorted(curve.steps, look.window[0], side="left"))
    end = int(np.searchsorted(curve.steps, look.window[1], side="right"))
    return curve.steps[start:end], values[start:end]


def _rows(values: Values, at: Axes, count: int) -> Indices:
    """Rows from the top, of ``count``; values must be finite."""
    low, high = at.low, at.high
    if at.log:
        values, low, high = np.log(np.maximum(values, low)), math.log(low), math.log(high)
    share = np.clip((values - low) / (high - low), 0, 1)
    return ((1 - share) * (count - 1)).round().astype(np.int64)


def _places(
    steps: Values, values: Values, at: Axes, width: int, height: int
) -> tuple[Indices, Indices]:
    """Rows and columns of the cells that hold a point, each cell once."""
    known = np.isfinite(values)
    steps, values = steps[known], values[known]
    span = at.last - at.first
    share = (steps - at.first) / span if span else np.zeros(len(steps))
    columns = np.clip(share * width, 0, width - 1).astype(np.int64)
    held = np.zeros((height, width), bool)  # np.unique imports what np.quantile does
    held[_rows(values, at, height * 4) // 4, columns] = True
    row, column = np.nonzero(held)
    return row, column


def _line(points: Envelope, at: Axes, width: int, height: int) -> Dots:
    """The dots ``[height, width]`` of one curve: a stroke in each column, and what joins them."""
    known = np.isfinite(points.low)
    x = points.columns[known]
    top, bottom = _rows(points.high[known], at, height), _rows(points.low[known], at, height)
    change = np.zeros((height + 1, width), np.int64)
    change[top, x] = 1
    change[bottom + 1, x] -= 1
    dots = np.cumsum(change, axis=0)[:-1] > 0
    joined = np.diff(np.flatnonzero(known)) == 1  # a column without values is a gap
    start, end = _rows(points.start[known], at, height), _rows(points.end[known], at, height)
    _join(dots, x[:-1][joined], end[:-1][joined], x[1:][joined], start[1:][joined])
    return dots


def _dashed(dots: Dots) -> Dots:
    """With a gap after every two dots: from left to right, where the stroke is steep downwards."""
    height, width = dots.shape
    steep = dots.sum(axis=0) > 2
    along, down = np.arange(width) % 4 < 2, np.arange(height) % 4 < 2
    return dots & np.where(steep, down[:, None], along)


def _join(dots: Dots, x0: Indices, y0: Indices, x1: Indices, y1: Indices) -> None:
    """Set the dots of straight strokes from each (x0, y0) to (x1, y1), where x0 < x1."""
    lengths = np.maximum(x1 - x0, np.abs(y1 - y0))
    counts = lengths + 1
    stroke = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    share = (np.arange(len(stroke)) - before[stroke]) / lengths[stroke]
    x = x0[stroke] + np.round((x1 - x0)[stroke] * share).astype(np.int64)
    y = y0[stroke] + np.round((y1 - y0)[stroke] * share).astype(np.int64)
    dots[y, x] = True


def _cells(dots: Dots) -> Indices:
    """The braille bits ``[H, W]`` of dots ``[4·H, 2·W]``."""
    height, width = dots.shape
    return (dots.reshape(height // 4, 4, width // 2, 2) * _BITS[:, None, :]).sum(axis=(1, 3))
