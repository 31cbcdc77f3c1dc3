"""Intervals and tests against scipy's and scikit-learn's (tests/golden/make_uncertainty.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.evaluation.metrics import EXACT, FIELD_F1, Pair, metric_for
from shadow_mlx.evaluation.uncertainty import (
    SAMPLES,
    change,
    estimate,
    holm,
    mcnemar,
    resampled,
)

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "uncertainty.json").read_text(encoding="utf-8")
)


def pairs_of(case: dict[str, Any]) -> list[Pair]:
    return [
        Pair(f"label {answered}", f"label {expected}", answered == expected)
        for answered, expected in zip(case["answered"], case["expected"], strict=True)
    ]


@pytest.mark.parametrize(("fixed", "regressed", "p"), GOLDEN["mcnemar"])
def test_mcnemar_is_the_binomial_test(fixed: int, regressed: int, p: float) -> None:
    assert mcnemar(fixed, regressed) == pytest.approx(p, rel=1e-9)
    assert mcnemar(regressed, fixed) == mcnemar(fixed, regressed)


@pytest.mark.parametrize("case", GOLDEN["answers"], ids=lambda case: str(len(case["expected"])))
def test_scores_and_their_intervals(case: dict[str, Any]) -> None:
    pairs = pairs_of(case)
    metric = metric_for("label", [pair.expected for pair in pairs])
    right = [metric.right(pair) for pair in pairs]
    # Two bootstraps of thousands of samples differ by their own chance, and a share by whole
    # questions.
    question = 1 / len(pairs)
    for score, (value, low, high) in zip(
        metric.scores, (case["share"], case["macro_f1"]), strict=True
    ):
        found = estimate(score, pairs, right)
        assert found.value == pytest.approx(value, abs=1e-12)
        assert found.low == pytest.approx(low, abs=question + 0.05 * (high - low))
        assert found.high == pytest.approx(high, abs=question + 0.05 * (high - low))
        assert estimate(score, pairs, right) == found


@pytest.mark.parametrize(("size", "low"), GOLDEN["none_or_all"])
def test_answers_that_are_all_alike_are_no_certainty(size: int, low: float) -> None:
    all_right = estimate(EXACT, [Pair("", "", True)] * size, [True] * size)
    assert (all_right.value, all_right.high) == (1.0, 1.0)
    assert all_right.low == pytest.approx(low)
    none = estimate(EXACT, [Pair("", "", False)] * size, [False] * size)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - low)


def test_a_score_without_anything_to_count_is_none() -> None:
    assert estimate(FIELD_F1, [Pair("a", "b", False)], [False]).value is None
    alike = estimate(FIELD_F1, [Pair('{"a":1}', '{"a":1}', True)] * 9, [True] * 9)
    assert (alike.value, alike.low, alike.high) == (1.0, None, None)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60))
def test_samples_have_as_many_questions_and_the_same_mean(rows: list[tuple[int, int]]) -> None:
    counts = np.array([[*row, 1] for row in rows], dtype=np.float64)
    sums = resampled(counts)
    assert sums.shape == (SAMPLES, 3)
    assert (sums[:, 2] == len(rows)).all()
    error = 6 * counts[:, 0].std() * np.sqrt(len(rows) / SAMPLES)  # six sigmas: one in 10^9
    assert abs(sums[:, 0].mean() - counts[:, 0].sum()) <= error + 1e-9


def test_a_change_is_paired() -> None:
    first, second = [True] * 50 + [False] * 50, [False] * 10 + [True] * 60 + [False] * 30
    found = change(first, second)
    assert found.difference == pytest.approx(0.1)
    assert found.p == mcnemar(20, 10)
    # of a mean of n signs: 1.96 standard deviations to each side
    width = 2 * 1.96 * np.sqrt((0.3 - 0.1**2) / 100)
    assert found.high - found.low == pytest.approx(width, rel=0.1)
    back = change(second, first)
    assert (back.difference, back.p) == (-found.difference, found.p)
    same = change(first, first)
    assert (same.difference, same.low, same.high, same.p) == (0, None, None, 1)
    assert change([], []).p == 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
