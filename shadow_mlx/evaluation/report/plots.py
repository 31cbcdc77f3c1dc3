"""Plots as inline SVG: bars, and points in a plane. Every mark has its figure as text beside it.

Sizes are in units of a drawing 360 wide, which a telephone shows as it is and a wide screen larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shadow_mlx.evaluation.report.markup import Markup, element

WIDTH = 360
ROW = 36
LEFT, RIGHT, TOP, BOTTOM = 46, 348, 12, 222
LONGEST = 30
LINE = 14


@dataclass(frozen=True)
class Bar:
    """One model's figure; ``value`` is None where there is none."""

    name: str
    value: float | None
    shown: str


@dataclass(frozen=True)
class Point:
    """One model between two figures. ``y`` is a share from 0 to 1, ``x`` is positive."""

    name: str
    mode: str
    x: float
    y: float
    shown: str


def bars(key: str, title: str, rows: Sequence[Bar], top: float | None = None) -> Markup:
    """Horizontal bars, from 0 to ``top`` (default: the largest value)."""
    known = [row.value for row in rows if row.value is not None]
    top = top if top is not None else max(known, default=0.0)
    marks: list[Markup] = []
    for i, row in enumerate(rows):
        y = ROW * i + LINE
        share = row.value / top if row.value is not None and top > 0 else 0.0
        marks += [
            element("text", _short(row.name), x=0, y=y),
            element("text", row.shown, x=WIDTH, y=y, class_="end strong"),
            element("rect", x=0, y=y + 5, width=WIDTH, height=9, class_="track"),
            element("rect", x=0, y=y + 5, width=_number(share * WIDTH), height=9, class_="bar"),
        ]
    said = "; ".join(f"{row.name}: {row.shown}" for row in rows)
    return _drawing(key, title, said, ROW * len(rows), marks)


def scatter(key: str, title: str, points: Sequence[Point], x_title: str) -> Markup:
    """Shares against a positive figure on a logarithmic axis; the shape of a point is its mode."""
    if not points:
        return element("p", f"{title}: not measured.")
    xs = [point.x for point in points]
    low, high = min(xs) / 1.5, max(xs) * 1.5
    marks = [*_grid(low, high), element("text", x_title, x=RIGHT, y=BOTTOM + 32, class_="end")]
    taken: list[tuple[float, float, float]] = []
    for point in sorted(points, key=lambda one: -one.y):
        x, y = _across(point.x, low, high), BOTTOM - point.y * (BOTTOM - TOP)
        marks += [_shape(point.mode, x, y), _label(point.name, x, y, taken)]
    said = "; ".join(f"{point.name}: {point.shown}" for point in points)
    return _drawing(key, title, said, BOTTOM + 40, marks)


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from ``low`` to ``high``; fewer where they are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 5), (1,)):
        found = [m * 10.0**e for e in range(first, last + 1) for m in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= 6:
            break
    return found


def _grid(low: float, high: float) -> list[Markup]:
    marks = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _number(BOTTOM - share * (BOTTOM - TOP))
        marks.append(element("path", d=f"M{LEFT} {y}H{RIGHT}", class_="grid"))
        marks.append(
            element("text", f"{share:.0%}", x=LEFT - 6, y=f"{float(y) + 4:g}", class_="end")
        )
    for value in ticks(low, high):
        x = _number(_across(value, low, high))
        marks.append(element("path", d=f"M{x} {TOP}V{BOTTOM}", class_="grid"))
        marks.append(element("text", _brief(value), x=x, y=BOTTOM + 16, class_="middle"))
    return marks


def _shape(mode: str, x: float, y: float) -> Markup:
    a, b = _number(x), _number(y)
    if mode == "base":
        return element("circle", cx=a, cy=b, r=5, class_="point base")
    if mode == "attached":
        return element("path", d=f"M{a} {b}m-5-5h10v10h-10z", class_="point attached")
    return element("path", d=f"M{a} {b}m0-6l6 11h-12z", class_="point detached")


def _label(name: str, x: float, y: float, taken: list[tuple[float, float, float]]) -> Markup:
    """The name beside its point, lower where another name stands; ``taken`` remembers it."""
    shown = _short(name)
    to_the_left = x > (LEFT + RIGHT) / 2
    length = 6.5 * len(shown)
    start = x - 10 - length if to_the_left else x + 10
    line = max(y + 4, TOP + 4)
    while any(
        abs(line - other) < LINE and start < end and begin < start + length
        for other, begin, end in taken
    ):
        line += 2
    taken.append((line, start, start + length))
    edge = x - 10 if to_the_left else x + 10
    return element(
        "text", shown, x=_number(edge), y=_number(line), class_="end" if to_the_left else None
    )


def _drawing(key: str, title: str, said: str, height: int, marks: Sequence[Markup]) -> Markup:
    drawing = element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", said, id=f"{key}-said"),
        *marks,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby=f"{key}-title {key}-said",
    )
    return element("figure", element("figcaption", title), drawing)


def _across(value: float, low: float, high: float) -> float:
    return LEFT + (RIGHT - LEFT) * math.log(value / low) / math.log(high / low)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _brief(value: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _short(name: str) -> str:
    """Long names lose their middle."""
    return name if len(name) <= LONGEST else f"{name[:11]}…{name[-(LONGEST - 12) :]}"
