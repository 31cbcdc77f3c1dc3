"""What is drafted is what gives the most tokens a second, and nothing where nothing pays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shadow_mlx.generation.drafting import MOST, Line, Pace, Plan

OFFERED = 5
Machine = Callable[[Plan], tuple[int, float]]
"""What becomes of a plan: drafts that are accepted, and seconds."""


def machine(
    shadow: float, lookup: float, draft_seconds: float = 0.3, wide_seconds: float = 0.05
) -> Machine:
    """A token takes a second, a draft of the shadow and one token more to a pass some more.

    ``shadow`` and ``lookup`` are the shares of drafts that are right: on average, without chance.
    """
    owed = {"shadow": 0.0, "lookup": 0.0}

    def run(plan: Plan) -> tuple[int, float]:
        if plan.source is None:
            return 0, float(plan.count)
        share = {"shadow": shadow, "lookup": lookup}[plan.source]
        owed[plan.source] += sum(share ** (i + 1) for i in range(plan.count))
        taken = min(plan.count, int(owed[plan.source]))
        owed[plan.source] -= taken
        drafting = draft_seconds * plan.count if plan.source == "shadow" else 0.0
        return taken, 1.0 + drafting + wide_seconds * plan.count

    return run


def decoded(
    pace: Pace, run: Machine, tokens: int, offered: int = OFFERED
) -> tuple[float, list[Plan]]:
    """Tokens a second, and what was done."""
    made, seconds, plans = 0, 0.0, []
    while made < tokens:
        plan = pace.next(offered)
        taken, took = run(plan)
        pace.learn(plan, taken, took)
        made += plan.count if plan.source is None else taken + 1
        seconds += took
        plans.append(plan)
    return made / seconds, plans


def test_where_drafts_are_wrong_little_is_lost_and_ever_less() -> None:
    pace, wrong = Pace(), machine(shadow=0.0, lookup=0.0)
    first, _ = decoded(pace, wrong, 200)
    assert first > 0.93
    later, plans = decoded(pace, wrong, 2000)
    assert later > 0.985
    assert any(plan.source == "shadow" for plan in plans)  # it may have become better


def test_text_that_a_shadow_does_not_know_costs_less_than_three_percent() -> None:
    """Where one in four of its drafts is right by chance, at a third of a pass for each."""
    pace, unknown = Pace(), machine(shadow=0.25, lookup=0.0)
    decoded(pace, unknown, 500)
    assert decoded(pace, unknown, 2000, offered=0)[0] > 0.97


def test_drafts_that_are_right_are_found_again() -> None:
    pace = Pace()
    decoded(pace, machine(shadow=0.0, lookup=0.0), 2000)
    decoded(pace, machine(shadow=0.95, lookup=0.0, draft_seconds=0.1), 600)
    speed, plans = decoded(pace, machine(shadow=0.95, lookup=0.0, draft_seconds=0.1), 600)
    assert speed > 2.0
    assert plans[-1].count >= MOST - 2


def test_the_better_source_is_taken() -> None:
    for shadow, lookup, best in ((0.9, 0.2, "shadow"), (0.2, 0.9, "lookup"), (0.8, 0.8, "lookup")):
        pace, run = Pace(), machine(shadow, lookup)
        decoded(pace, run, 300)
        sources = [plan.source for plan in decoded(pace, run, 600)[1]]
        assert sources.count(best) > 0.9 * len(sources), (shadow, lookup)


def test_without_an_offer_nothing_is_looked_up() -> None:
    _, plans = decoded(Pace(), machine(0.5, 1.0), 300, offered=0)
    assert "lookup" not in {plan.source for plan in plans}
    assert not Pace().looking_pays(0)


def test_looking_interrupts_plain_decoding_where_it_pays() -> None:
    pace, run = Pace(), machine(shadow=0.0, lookup=0.9)
    decoded(pace, run, 300)
    assert pace.looking_pays(OFFERED)
    pace, run = Pace(), machine(shadow=0.0, lookup=0.0, wide_seconds=0.3)
    decoded(pace, run, 3000)
    while pace.records["lookup"].wait <= 0:  # its turn to be tried again
        decoded(pace, run, 1)
    assert not pace.looking_pays(OFFERED)


@pytest.mark.parametrize("count", [0, 3])
def test_a_fixed_number_is_always_drafted(count: int) -> None:
    pace = Pace(fixed=count)
    for _ in range(20):
        plan = pace.next(OFFERED)
        assert plan == (Plan("shadow", count) if count else Plan(None, 1))
        pace.learn(plan, 0, 1.0)


def test_acceptance_is_that_of_the_drafts_that_were_looked_at() -> None:
    """Behind the first wrong draft nothing is known: 2 of 3, again and again."""
    pace = Pace()
    for _ in range(200):
        pace.learn(Plan("shadow", 8), 2, 1.0)
    assert pace.records["shadow"].acceptance == pytest.approx(2 / 3, abs=0.01)


def test_one_slow_round_says_little() -> None:
    pace = Pace()
    for _ in range(20):
        pace.learn(Plan(None, 4), 0, 4.0)
    pace.learn(Plan(None, 4), 0, 4000.0)
    assert pace.plain_seconds is not None
    assert pace.plain_seconds < 1.2


def test_a_line_is_found_and_one_that_falls_is_taken_for_flat() -> None:
    rising, falling = Line(), Line()
    for x in (0, 2, 4, 8, 1):
        rising.add(x, 0.5 + 0.25 * x)
        falling.add(x, 5.0 - 0.25 * x)
    assert rising.at(6) == pytest.approx(2.0)
    assert falling.at(6) == pytest.approx(falling.at(0))
