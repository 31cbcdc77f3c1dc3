"""Events folded into curves and answers: each step once, and the beginning kept."""

from __future__ import annotations

import dataclasses

from shadow_mlx.runs.curves import FIRST_ROOM, KEPT_SAMPLED_STEPS, RunFold
from shadow_mlx.runs.events import Event
from tests.runs.fake_run import sampled, started, trained

TRAINED = ("train", "shadow", "speed", "rate", "gradient", "memory")


def folded(*events: Event) -> RunFold:
    fold = RunFold()
    for event in (started(10_000), *events):
        fold.add(event)
    return fold


def test_a_resumed_run_does_its_steps_once() -> None:
    fold = folded(*map(trained, (10, 20, 30)), started(100, 20), trained(30))
    assert list(fold.snapshot().train.steps) == [10, 20, 30]


def test_each_step_keeps_its_examples() -> None:
    fold = folded(sampled(0), sampled(0, 2), sampled(50), sampled(50, 2))
    assert fold.snapshot().samples == (
        (sampled(0), sampled(0, 2)),
        (sampled(50), sampled(50, 2)),
    )


def test_a_resumed_run_answers_once_for_each_step() -> None:
    fold = folded(sampled(0), sampled(50), sampled(100))
    fold.add(started(10_000, 50))
    fold.add(sampled(50, detached="anew"))
    assert fold.snapshot().samples == ((sampled(0),), (sampled(50, detached="anew"),))


def test_a_long_run_keeps_its_beginning_and_its_end() -> None:
    steps = range(0, 10 * KEPT_SAMPLED_STEPS)
    found = [answers[0].step for answers in folded(*map(sampled, steps)).snapshot().samples]
    assert len(found) <= KEPT_SAMPLED_STEPS
    assert (found[0], found[-1]) == (0, steps[-1])
    assert found == sorted(found)


def test_what_a_report_says_becomes_points_of_one_step_and_time() -> None:
    view = folded(trained(10, at=3.0), trained(20, at=5.5)).snapshot()
    for name in TRAINED:
        series = getattr(view, name)
        assert list(series.steps) == [10, 20]
        assert list(series.seconds) == [3.0, 5.5]
    assert list(view.rate.values) == [3e-3, 3e-3]
    assert list(view.gradient.values) == [0.8, 0.8]
    assert list(view.memory.values) == [412_000_000, 412_000_000]


def test_the_time_between_an_end_and_going_on_does_not_count() -> None:
    again = dataclasses.replace(started(10_000, 20), time=1000.0)
    view = folded(
        trained(10, at=3.0), trained(20, at=5.0), trained(30, at=7.0), again, trained(30, at=1004.0)
    ).snapshot()
    assert list(view.train.seconds) == [3.0, 5.0, 9.0]
    assert view.seconds_before == 5.0


def test_a_clock_that_is_set_back_does_not_turn_a_curve() -> None:
    view = folded(trained(10, at=3.0), trained(20, at=1.0), trained(30, at=4.0)).snapshot()
    assert list(view.train.seconds) == [3.0, 3.0, 4.0]


def test_a_record_without_its_beginning_begins_with_what_is_there() -> None:
    fold = RunFold()
    for at in (1e9, 1e9 + 5):
        fold.add(trained(int(at - 1e9) + 1, at=at))
    assert list(fold.snapshot().train.seconds) == [0.0, 5.0]


def test_rows_are_kept_however_many_come() -> None:
    view = folded(*map(trained, range(1, 3 * FIRST_ROOM))).snapshot()
    assert list(view.gradient.steps) == list(range(1, 3 * FIRST_ROOM))
    assert len(view.gradient.values) == len(view.gradient)


def test_a_run_that_was_resumed_to_be_shorter_is_as_long_as_it_is() -> None:
    fold = RunFold()
    for event in (started(200), trained(173, 200), started(40, start=173)):
        fold.add(event)
    assert fold.snapshot().total_steps == 173
