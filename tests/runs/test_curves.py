"""Events folded into curves and answers: each step once, and the beginning kept."""

from __future__ import annotations

from shadow_mlx.runs.curves import KEPT_SAMPLED_STEPS, RunFold
from shadow_mlx.runs.events import Event
from tests.runs.fake_run import sampled, started, trained


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
