"""Plots as inline SVG: bars, and points in a plane. Every mark has its figure as text beside it.

Sizes are in units of a drawing 360 wide, which a telephone shows as it is and a wide screen larger.
What stands where is computed here; ``report.html`` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

WIDTH = 360
ROW = 36
LEFT, RIGHT, TOP, BOTTOM = 46, 348, 12, 222
LONGEST = 30
LINE = 14


@dataclass(frozen=True)
class Bar:
    """One model's figure; ``value`` is None where there is none, ``bounds`` are its interval.

    ``mode`` is how it answers, which gives the bar its colour.
    """

    name: str
    value: float | None
    shown: str
    bounds: tuple[float, float] | None = None
    mode: str = "base"


@dataclass(frozen=True)
class Point:
    """One model between two figures.

    ``y`` is a share from 0 to 1, ``bounds`` its interval; ``x`` is positive.
    """

    name: str
    mode: str
    x: float
    y: float
    shown: str
    bounds: tuple[float, float] | None = None


class Text(NamedTuple):
    """Words in a drawing; ``look`` is a class of the style sheet."""

    words: str
    x: float
    y: float
    look: str = ""


class Track(NamedTuple):
    """A bar on its track."""

    y: float
    length: float
    mode: str


@dataclass
class Drawing:
    """What stands where in one plot.

    Attributes:
        key: Tells it from the page's others.
        title: Above it.
        said: All of it in words; empty where nothing was measured.
        height: In units.
        texts: Words.
        bars: Bars.
        grid: Paths of the lines behind the points.
        whiskers: Paths of the intervals.
        points: Mode, x and y of each.
    """

    key: str
    title: str
    said: str
    height: int
    texts: list[Text] = field(default_factory=list)
    bars: list[Track] = field(default_factory=list)
    grid: list[str] = field(default_factory=list)
    whiskers: list[str] = field(default_factory=list)
    points: list[tuple[str, float, float]] = field(default_factory=list)


def bars(key: str, title: str, rows: Sequence[Bar], top: float | None = None) -> Drawing:
    """Horizontal bars, from 0 to ``top`` (default: the largest value)."""
    known = [row.value for row in rows if row.value is not None]
    top = top if top is not None else max(known, default=0.0)
    plot = Drawing(key, title, _said(rows), ROW * len(rows))
    for i, row in enumerate(rows):
        y = ROW * i + LINE
        share = row.value / top if row.value is not None and top > 0 else 0.0
        plot.texts += [Text(_short(row.name), 0, y), Text(row.shown, WIDTH, y, "end strong")]
        plot.bars.append(Track(y + 5, share * WIDTH, row.mode))
        if row.bounds is not None and top > 0:
            low, high = (round(bound / top * WIDTH, 1) for bound in row.bounds)
            middle = y + 9.5
            plot.whiskers.append(f"M{low:g} {middle:g}H{high:g}")
            plot.whiskers += [f"M{end:g} {middle - 3:g}v6" for end in (low, high)]
    return plot


def scatter(
    key: str,
    title: str,
    points: Sequence[Point],
    x_title: str,
    write: Callable[[float], str] | None = None,
) -> Drawing:
    """Shares against a positive figure on a logarithmic axis; the shape of a point is its mode.

    Args:
        key: See :class:`Drawing`.
        title: See there.
        points: The models.
        x_title: Below the axis.
        write: Writes a figure at the axis, if not in millions and the like.
    """
    plot = Drawing(key, title, _said(points), BOTTOM + 40)
    if not points:
        return plot
    xs = [point.x for point in points]
    low, high = min(xs) / 1.5, max(xs) * 1.5
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = BOTTOM - share * (BOTTOM - TOP)
        plot.grid.append(f"M{LEFT} {y:g}H{RIGHT}")
        plot.texts.append(Text(f"{share:.0%}", LEFT - 6, y + 4, "end"))
    for value in ticks(low, high):
        x = _across(value, low, high)
        plot.grid.append(f"M{round(x, 1):g} {TOP}V{BOTTOM}")
        plot.texts.append(Text((write or _brief)(value), x, BOTTOM + 16, "middle"))
    plot.texts.append(Text(x_title, RIGHT, BOTTOM + 32, "end"))
    taken: list[tuple[float, float, float]] = []
    for point in sorted(points, key=lambda one: -one.y):
        x, y = _across(point.x, low, high), BOTTOM - point.y * (BOTTOM - TOP)
        plot.points.append((point.mode, x, y))
        if point.bounds is not None:
            lower, upper = (round(BOTTOM - bound * (BOTTOM - TOP), 1) for bound in point.bounds)
            plot.whiskers.append(f"M{round(x, 1):g} {upper:g}V{lower:g}")
        plot.texts.append(_label(point.name, x, y, taken))
    return plot


def _said(rows: Sequence[Bar | Point]) -> str:
    return "; ".join(f"{row.name}: {row.shown}" for row in rows)


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from ``low`` to ``high``; fewer where they are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 5), (1,)):
        found = [m * 10.0**e for e in range(first, last + 1) for m in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= 6:
            break
    return found


def _label(name: str, x: float, y: float, taken: list[tuple[float, float, float]]) -> Text:
    """The name beside its point, nearer to the middle where another name stands.

    ``taken`` remembers where names stand.
    """
    shown = _short(name)
    to_the_left = x > (LEFT + RIGHT) / 2
    length = 6.5 * len(shown)
    start = x - 10 - length if to_the_left else x + 10
    line = min(max(y + 4, TOP + 4), BOTTOM - 4)
    step = 2 if y < (TOP + BOTTOM) / 2 else -2
    while any(
        abs(line - other) < LINE and start < end and begin < start + length
        for other, begin, end in taken
    ):
        line += step
    taken.append((line, start, start + length))
    edge = x - 10 if to_the_left else x + 10
    return Text(shown, edge, line, "end" if to_the_left else "")


def _across(value: float, low: float, high: float) -> float:
    return LEFT + (RIGHT - LEFT) * math.log(value / low) / math.log(high / low)


def _brief(value: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _short(name: str) -> str:
    """Long names lose their middle."""
    return name if len(name) <= LONGEST else f"{name[:11]}…{name[-(LONGEST - 12) :]}"
