"""Events folded into curves: each step once."""

from __future__ import annotations

from shadow_mlx.runs.curves import RunFold
from tests.runs.fake_run import started, trained


def test_a_resumed_run_does_its_steps_once() -> None:
    fold = RunFold()
    for event in (started(100), *map(trained, (10, 20, 30)), started(100, 20), trained(30)):
        fold.add(event)
    assert list(fold.snapshot().train.steps) == [10, 20, 30]
