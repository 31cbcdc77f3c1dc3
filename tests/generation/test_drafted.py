"""The figures of drafting are those of what was done."""

from __future__ import annotations

import pytest

from shadow_mlx.generation.drafted import Drafted

ONE = Drafted(tokens=30, passes=10, drafted=25, accepted=20, looked_up=5, seconds=2.0)


def test_shares_are_of_what_was_counted() -> None:
    assert (ONE.tokens_per_pass, ONE.acceptance, ONE.speedup) == (3.0, 0.8, None)
    nothing = Drafted()
    assert (nothing.tokens_per_pass, nothing.acceptance, nothing.speedup) == (0.0, 0.0, None)


def test_two_answers_are_added_and_half_a_comparison_is_none() -> None:
    timed = Drafted(10, 10, seconds=1.0, plain_seconds=3.0)
    both = timed + timed
    assert (both.tokens, both.passes, both.speedup) == (20, 20, 3.0)
    assert (ONE + timed).speedup is None
    assert (ONE + ONE).looked_up == 10


def test_figures_are_all_of_it() -> None:
    figures = ONE.figures()
    assert figures["per_pass"] == 3.0
    assert figures["acceptance"] == pytest.approx(0.8)
    assert set(figures) == {*vars(ONE), "per_pass", "acceptance", "speedup"}
