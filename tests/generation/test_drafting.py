"""How many tokens are drafted, by what came of it."""

from __future__ import annotations

import pytest

from shadow_mlx.generation.drafting import MOST, Line, Pace


def test_drafting_is_left_where_it_does_not_pay_and_found_again() -> None:
    pace = Pace()
    for _ in range(60):  # nothing is accepted
        k = pace.next()
        pace.learn(k, 0, 1.0 + 0.3 * k)
    chosen = []
    for _ in range(16):
        k = pace.next()
        chosen.append(k)
        pace.learn(k, 0, 1.0 + 0.3 * k)
    assert chosen.count(0) >= 14
    for _ in range(200):  # everything is
        k = pace.next()
        pace.learn(k, k, 1.0 + 0.1 * k)
    assert pace.next() >= MOST - 1


def test_a_fixed_number_is_always_drafted() -> None:
    pace = Pace(fixed=3)
    for _ in range(20):
        pace.learn(3, 0, 1.0)
    assert pace.next() == 3


def test_acceptance_is_that_of_the_drafts_that_were_looked_at() -> None:
    """Behind the first wrong draft nothing is known: 2 of 3, again and again."""
    pace = Pace()
    for _ in range(200):
        pace.learn(8, 2, 1.0)
    assert pace.acceptance == pytest.approx(2 / 3, abs=0.01)


def test_a_line_is_found_and_one_that_falls_is_taken_for_flat() -> None:
    rising, falling = Line(), Line()
    for x in (0, 2, 4, 8, 1):
        rising.add(x, 0.5 + 0.25 * x)
        falling.add(x, 5.0 - 0.25 * x)
    assert rising.at(6) == pytest.approx(2.0)
    assert falling.at(6) == pytest.approx(falling.at(0))
