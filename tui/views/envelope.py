"""What a curve of any length becomes before it is drawn: smoothed, and then few points.

``n`` is the number of points of a curve. Steps ascend; values that are not finite are gaps.
Everything here is arithmetic on whole arrays, so that a curve of 100,000 points takes about a
millisecond and one of 100 no less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

BLOCK = 64
"""Points that are averaged by one matrix product (:func:`smooth`)."""


@dataclass(frozen=True)
class Envelope:
    """A curve as at most one entry for each column, whatever its length. Arrays of one length.

    Attributes:
        columns: The columns that hold points, ascending.
        low: The least value of each; nan where it has none.
        high: The greatest, likewise.
        start: Where the curve enters the column.
        end: Where it leaves it.
    """

    columns: Indices
    low: Values
    high: Values
    start: Values
    end: Values


def envelope(steps: Values, values: Values, first: float, last: float, columns: int) -> Envelope:
    """The extremes and the ends of a curve in each of ``columns`` equal parts of the x-axis.

    Args:
        steps: ``[n]``, all between ``first`` and ``last``.
        values: ``[n]``
        first: Step at the left end.
        last: Step at the right end.
        columns: How many parts.
    """
    if last > first:
        edges = first + (last - first) * np.arange(1, columns) / columns
    else:  # one step: all in the first column
        edges = np.full(columns - 1, np.inf)
    starts = np.concatenate([[0], np.searchsorted(steps, edges, side="left")])
    ends = np.append(starts[1:], len(steps))
    filled = starts < ends
    starts, ends = starts[filled], ends[filled]
    if not len(starts):
        nothing = np.zeros(0)
        return Envelope(np.zeros(0, np.int64), nothing, nothing, nothing, nothing)
    known = np.where(np.isfinite(values), values, np.nan)
    low = np.fmin.reduceat(known, starts)  # fmin and fmax pass over nan
    high = np.fmax.reduceat(known, starts)
    start, end = known[starts], known[ends - 1]
    return Envelope(
        columns=np.flatnonzero(filled),
        low=low,
        high=high,
        start=np.where(np.isnan(start), low, start),
        end=np.where(np.isnan(end), low, end),
    )


def smooth(values: Values, weight: float) -> Values:
    """Running average with the usual correction at the start; gaps are passed over.

    ``m[i] = Σ weight^(i−j) · values[j] / Σ weight^(i−j)`` over all finite ``values[j]``, j ≤ i.
    """
    if weight <= 0 or not len(values):
        return values
    finite = np.isfinite(values)
    total = _decaying_sum(np.where(finite, values, 0.0), weight)
    count = _decaying_sum(finite.astype(np.float64), weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan)


def _decaying_sum(values: Values, weight: float) -> Values:
    """``y[i] = weight · y[i−1] + values[i]``, in blocks: within each by a product of matrices."""
    rows = math.ceil(len(values) / BLOCK)
    blocks = np.zeros((rows, BLOCK))
    blocks.reshape(-1)[: len(values)] = values
    age = np.arange(BLOCK) - np.arange(BLOCK)[:, None]  # of the row's value at the column's
    decay = np.where(age >= 0, weight ** np.maximum(age, 0), 0.0)
    within = blocks @ decay
    whole = weight**BLOCK
    carried = list(accumulate(within[:-1, -1].tolist(), lambda y, x: whole * y + x))
    within[1:] += np.multiply.outer(np.array(carried), weight ** np.arange(1, BLOCK + 1))
    return within.reshape(-1)[: len(values)]


def nearest(steps: Values, step: float) -> int | None:
    """The index of the point that is nearest to a step (the earlier of two); ``None`` if none."""
    if not len(steps):
        return None
    right = min(int(np.searchsorted(steps, step)), len(steps) - 1)
    left = max(0, right - 1)
    return left if abs(steps[left] - step) <= abs(steps[right] - step) else right
