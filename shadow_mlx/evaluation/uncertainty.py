"""What chance alone may do: intervals of scores by the bootstrap over questions, McNemar's test.

Everything here is the same each time: the bootstrap draws with a fixed seed. Another sample of
questions is what it stands for; how another training run would fare, it does not tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shadow_mlx.evaluation.metrics import Counts, Pair, Ratios, Score

LEVEL = 0.95
"""Share of the samples that an interval covers; verdicts are given at one less this."""
SAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A score and its interval; the bounds are None where resampling tells nothing."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Change:
    """What lies between two models' answers to the same questions.

    Attributes:
        difference: Of their shares of right answers, the second's less the first's.
        low: Where its interval begins; None where every sample would be the same.
        high: Where it ends.
        p: Of McNemar's exact test, that so uneven numbers of FIXED and REGRESSED come by chance.
    """

    difference: float
    low: float | None
    high: float | None
    p: float


def estimate(score: Score, pairs: Sequence[Pair], right: Sequence[bool]) -> Estimate:
    """A score of answers, with the percentile bootstrap's interval.

    Of answers that are all right, or all wrong, every sample is the same; then the bounds of a
    share are those of the binomial distribution (Clopper and Pearson).
    """
    counts = score.counts(pairs, right)
    value = float(score.ratio(counts.sum(axis=0)))
    if math.isnan(value):
        return Estimate(None)
    if score.share and value in (0.0, 1.0):
        far = ((1 - LEVEL) / 2) ** (1 / len(pairs))
        return Estimate(value, far, 1.0) if value else Estimate(value, 0.0, 1 - far)
    drawn = score.ratio(resampled(counts))
    low, high = _middle(drawn)
    return Estimate(value) if low == high else Estimate(value, low, high)


def change(first: Sequence[bool], second: Sequence[bool]) -> Change:
    """From the first model's right answers to the second's, question by question."""
    signs = np.array(second, dtype=np.float64) - np.array(first, dtype=np.float64)
    if not len(signs):
        return Change(0.0, None, None, 1.0)
    low, high = _middle(resampled(signs[:, None])[:, 0] / len(signs))
    p = mcnemar(int((signs > 0).sum()), int((signs < 0).sum()))
    if len(np.unique(signs)) == 1:
        return Change(float(signs.mean()), None, None, p)
    return Change(float(signs.mean()), low, high, p)


def resampled(counts: Counts) -> Counts:
    """Sums ``[SAMPLES, k]`` of as many questions, drawn with replacement from ``counts [n, k]``.

    Questions with the same counts are drawn together: how often each kind comes is multinomial.
    """
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    drawn = np.random.default_rng(SEED).multinomial(len(counts), times / times.sum(), size=SAMPLES)
    sums: Counts = drawn.astype(np.float64) @ kinds
    return sums


def mcnemar(fixed: int, regressed: int) -> float:
    """The exact two-sided p of McNemar's test: that a fair coin falls so unevenly, or more so."""
    total, fewer = fixed + regressed, min(fixed, regressed)
    if 2 * fewer == total:
        return 1.0
    tail = term = 1
    for i in range(fewer):
        term = term * (total - i) // (i + 1)
        tail += term
    return min(1.0, 2 * tail / 2**total)


def holm(ps: Sequence[float]) -> list[float]:
    """Each p as it is among so many tests: the chance of any false finding stays below it."""
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = largest
    return adjusted


def _middle(drawn: Ratios) -> tuple[float, float]:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
