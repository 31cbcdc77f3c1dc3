"""Curves as braille: pure functions from series to rows of characters, with no widget in sight.

A character cell is 2 × 4 dots. Each curve has its own rank; where two meet in a cell, the one of
the higher rank gives the cell its style, and both give their dots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.int32)
_BRAILLE = 0x2800


@dataclass(frozen=True)
class Curve:
    """One curve. ``mark`` draws each point as this character instead of joining them by a line."""

    name: str
    steps: Values
    values: Values
    mark: str = ""


@dataclass(frozen=True)
class Look:
    """How curves are shown.

    Attributes:
        log: Logarithmic y-axis (only where all shown values are positive).
        smoothing: 0 none, towards 1 more: weight of the past in a running average.
        window: Show only the steps of this interval.
        clip: Leave the highest 5 % of values out of the range, so that outliers do not flatten
            the rest.
    """

    log: bool = False
    smoothing: float = 0.0
    window: tuple[float, float] | None = None
    clip: bool = True


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

    def value_at_row(self, row: int) -> float:
        """The value in the middle of a row."""
        share = 1 - (row + 0.5) / max(1, len(self.cells))
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return math.exp(low + share * (high - low))
        return self.low + share * (self.high - self.low)


def smooth(values: Values, weight: float) -> Values:
    """Running average with the usual correction at the start; gaps (nan) are passed over."""
    if weight <= 0 or not len(values):
        return values
    # An exponential average is a convolution with a kernel that soon is nothing.
    length = min(len(values), max(1, math.ceil(math.log(1e-3) / math.log(weight))))
    kernel = weight ** np.arange(length)
    finite = np.isfinite(values)
    total = np.convolve(np.where(finite, values, 0.0), kernel)[: len(values)]
    count = np.convolve(finite.astype(np.float64), kernel)[: len(values)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan)


def draw(curves: Sequence[Curve], width: int, height: int, look: Look) -> Plot | None:
    """Draw curves into ``height`` rows of ``width`` columns; ``None`` when there is no point."""
    shown = [_prepared(curve, look) for curve in curves]
    finite = [v[np.isfinite(v)] for _, v in shown]
    everything = np.concatenate([np.zeros(0), *finite])
    if not len(everything) or width < 1 or height < 1:
        return None
    log = look.log and bool((everything > 0).all())
    low, high = float(everything.min()), float(everything.max())
    clipped = 0
    if look.clip and len(everything) >= 20:
        limit = float(np.quantile(everything, 0.95))
        # only true outliers: a curve that merely falls steeply keeps its beginning
        if high - low > 3 * (limit - low) > 0:
            high, clipped = limit, int((everything > limit).sum())
    if high - low < 1e-9 * max(1.0, abs(high)):
        spread = abs(high) * 0.05 or 0.5
        low, high = (low / 1.1, high * 1.1) if log else (low - spread, high + spread)
    first, last = look.window or _extent(shown)
    grid = np.zeros((height, width), np.int32)
    owner = np.full((height, width), -1, np.int32)
    marks: dict[tuple[int, int], tuple[str, int]] = {}
    for rank, (curve, (steps, values)) in enumerate(zip(curves, shown, strict=True)):
        xs = _scaled(steps, first, last, width * 2)
        ys = _dot_rows(values, low, high, log, height * 4)
        if curve.mark:
            for x, y in zip(xs, ys, strict=True):
                if y >= 0:
                    marks[int(y) // 4, min(width - 1, int(x) // 2)] = (curve.mark, rank)
        else:
            _line(grid, owner, rank, xs, ys)
    cells = [
        [
            marks.get((r, c))
            or (chr(_BRAILLE + int(grid[r, c])) if grid[r, c] else " ", int(owner[r, c]))
            for c in range(width)
        ]
        for r in range(height)
    ]
    return Plot(cells, low, high, first, last, log, clipped)


def value_near(curve: Curve, step: float) -> tuple[float, float] | None:
    """The point of a curve that is nearest to a step, as (step, value)."""
    if not len(curve.steps):
        return None
    i = int(np.abs(curve.steps - step).argmin())
    return float(curve.steps[i]), float(curve.values[i])


def _prepared(curve: Curve, look: Look) -> tuple[Values, Values]:
    values = curve.values if curve.mark else smooth(curve.values, look.smoothing)
    steps = curve.steps
    if look.window is not None:
        inside = (steps >= look.window[0]) & (steps <= look.window[1])
        steps, values = steps[inside], values[inside]
    return steps, values


def _extent(shown: Sequence[tuple[Values, Values]]) -> tuple[float, float]:
    ends = [(float(s[0]), float(s[-1])) for s, _ in shown if len(s)]
    return min(a for a, _ in ends), max(b for _, b in ends)


def _scaled(steps: Values, first: float, last: float, dots: int) -> npt.NDArray[np.int64]:
    span = last - first
    share = (steps - first) / span if span else np.zeros(len(steps))
    return np.clip(share * dots, 0, dots - 1).astype(np.int64)


def _dot_rows(
    values: Values, low: float, high: float, log: bool, dots: int
) -> npt.NDArray[np.int64]:
    """Dot rows from the top; -1 where there is no value."""
    finite = np.isfinite(values)
    clean = np.where(finite, values, low)
    if log:
        clean, low, high = np.log(np.maximum(clean, low)), math.log(low), math.log(high)
    share = np.clip((clean - low) / (high - low), 0, 1)
    rows = ((1 - share) * (dots - 1)).round().astype(np.int64)
    return np.where(finite, rows, -1)


def _line(
    grid: npt.NDArray[np.int32],
    owner: npt.NDArray[np.int32],
    rank: int,
    xs: npt.NDArray[np.int64],
    ys: npt.NDArray[np.int64],
) -> None:
    """Join the points. Many points in one dot column become one stroke from least to most."""
    columns = np.unique(xs)
    previous: tuple[int, int] | None = None
    order = np.searchsorted(xs, columns)
    for k, column in enumerate(columns):
        end = order[k + 1] if k + 1 < len(columns) else len(xs)
        here = ys[order[k] : end]
        here = here[here >= 0]
        if not len(here):
            previous = None
            continue
        if previous is not None:
            _stroke(grid, owner, rank, previous, (int(column), int(here[0])))
        top, bottom = int(here.min()), int(here.max())
        for y in range(top, bottom + 1):
            _dot(grid, owner, rank, int(column), y)
        previous = (int(column), int(here[-1]))


def _stroke(
    grid: npt.NDArray[np.int32],
    owner: npt.NDArray[np.int32],
    rank: int,
    start: tuple[int, int],
    end: tuple[int, int],
) -> None:
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for i in range(length + 1):
        x = start[0] + round((end[0] - start[0]) * i / length)
        y = start[1] + round((end[1] - start[1]) * i / length)
        _dot(grid, owner, rank, x, y)


def _dot(
    grid: npt.NDArray[np.int32], owner: npt.NDArray[np.int32], rank: int, x: int, y: int
) -> None:
    grid[y // 4, x // 2] |= _DOTS[y % 4, x % 2]
    owner[y // 4, x // 2] = rank
