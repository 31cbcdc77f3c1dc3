import json

import pytest

from shadow_mlx.training.evaluate import Scores
from shadow_mlx.training.progress import Best, Progress, Tally, validations_left


def scores(loss: float, shadow_loss: float = 0.0) -> Scores:
    return Scores(loss, shadow_loss, tokens=10)


def test_a_record_survives_json_to_the_last_bit():
    progress = Progress(
        step=7,
        cursor={"epoch": 1, "position": 3},
        supervised_tokens=99,
        seconds=0.1 + 0.2,
        check_seconds=1 / 7,
        validated_step=4,
        stale_validations=1,
        best=Best(4, 1 / 3, 0.1, 0.7),
        tally=Tally(3, 21, 1e-17 + 1.0, 2 / 3, 5.0),
    )
    record = json.loads(json.dumps({"more": 1, **progress.to_record()}))
    assert Progress.from_record(record) == progress
    assert Progress.from_record(json.loads(json.dumps(Progress().to_record()))) == Progress()


def test_the_untrained_model_is_no_candidate():
    progress = Progress()
    assert not progress.note_validation(scores(0.0), 0.3)
    assert progress.best is None
    assert progress.validated_step == 0


def test_best_is_the_lowest_objective_and_staleness_counts_the_rest():
    progress = Progress()
    outcomes = []
    for step, loss in enumerate([3.0, 2.0, 2.5, 2.0, 1.0], start=1):
        progress.step = step
        outcomes.append((progress.note_validation(scores(loss), 0.3), progress.stale_validations))
    assert outcomes == [(True, 0), (True, 0), (False, 1), (False, 2), (True, 0)]
    assert progress.best == Best(5, 1.0, 1.0, 0.0)


def test_the_objective_weighs_the_shadow_by_lambda():
    for aux_weight, better in ((0.1, False), (1.0, True)):
        progress = Progress(step=1)
        progress.note_validation(scores(1.0, 2.0), aux_weight)
        progress.step = 2
        assert progress.note_validation(scores(1.5, 1.0), aux_weight) is better


@pytest.mark.parametrize("every", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("steps", [1, 8, 12, 13])
def test_validations_still_to_come(steps, every):
    due = [step for step in range(1, steps + 1) if step % every == 0 or step == steps]
    for step in range(1, steps + 1):
        left = len([one for one in due if one >= step])
        assert validations_left(step, steps, every) == left
