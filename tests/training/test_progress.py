import dataclasses
import json
import math

import pytest

from shadow_mlx.training.evaluate import Scores
from shadow_mlx.training.progress import Best, Progress, Tally, validations_left
from shadow_mlx.training.step import StepResult


def scores(value: float) -> Scores:
    return Scores(value, {"loss": 2.0, "shadow_loss": 3.0}, tokens=10)


def test_a_record_survives_json_to_the_last_bit():
    progress = Progress(
        step=7,
        cursor={"epoch": 1, "position": 3},
        supervised_tokens=99,
        seconds=0.1 + 0.2,
        check_seconds=1 / 7,
        validated_step=4,
        stale_validations=1,
        best=Best(4, 1 / 3, {"loss": 0.1, "shadow_loss": 0.7}),
        tally=Tally(3, 21, {"loss": 1e-17 + 1.0, "shadow_loss": 2 / 3}, 5.0),
    )
    record = json.loads(json.dumps({"more": 1, **progress.to_record()}))
    assert Progress.from_record(record) == progress
    assert Progress.from_record(json.loads(json.dumps(Progress().to_record()))) == Progress()


def test_the_untrained_model_is_no_candidate():
    progress = Progress()
    assert not progress.note_validation(scores(0.0))
    assert progress.best is None
    assert progress.validated_step == 0


def test_best_is_the_lowest_value_and_staleness_counts_the_rest():
    progress = Progress()
    outcomes = []
    for step, value in enumerate([3.0, 2.0, 2.5, 2.0, 1.0], start=1):
        progress.step = step
        outcomes.append((progress.note_validation(scores(value)), progress.stale_validations))
    assert outcomes == [(True, 0), (True, 0), (False, 1), (False, 2), (True, 0)]
    assert progress.best == Best(5, 1.0, {"loss": 2.0, "shadow_loss": 3.0})


def test_losses_lie_flat_in_the_record_as_they_always_did():
    progress = Progress(step=4, best=Best(4, 0.5, {"loss": 0.1, "shadow_loss": 0.4}))
    progress.tally.add(StepResult(3.0, {"loss": 3.0, "shadow_loss": math.nan}, 1.0, True, 0, 9), 7)
    record = progress.to_record()
    assert record["best"] == {"step": 4, "objective": 0.5, "loss": 0.1, "shadow_loss": 0.4}
    assert record["tally"] == {
        "steps": 1, "tokens": 7, "loss": 3.0, "shadow_loss": None, "gradient_norm": 1.0,
        "written_tokens": 0, "written_divergence": 0.0,
    }  # fmt: skip
    assert math.isnan(Progress.from_record(record).tally.losses["shadow_loss"])
    emptied = dataclasses.replace(progress, tally=progress.tally.emptied()).to_record()
    assert emptied["tally"]["shadow_loss"] == 0.0


def test_a_record_from_before_on_policy_steps_is_read():
    record = Progress(step=4, tally=Tally(2, 8, {"loss": 1.0}, 1.0)).to_record()
    del record["tally"]["written_tokens"], record["tally"]["written_divergence"]
    assert Progress.from_record(record).tally == Tally(2, 8, {"loss": 1.0}, 1.0)


def test_what_the_shadow_wrote_does_not_touch_the_losses_of_the_data():
    tally, losses = Tally(), {"loss": 0.0, "distill_loss": 9.0}
    assert tally.means() == {}
    tally.add(StepResult(9.0, losses, 2.0, True, 0, 9), 3, written=True)
    assert repr(tally.means(on_policy=True)) == repr(
        {"loss": math.nan, "distill_loss": math.nan, "on_policy_loss": 3.0}
    )
    tally.add(StepResult(8.0, {"loss": 8.0, "distill_loss": 2.0}, 1.0, True, 0, 9), 4)
    assert tally.means() == {"loss": 2.0, "distill_loss": 0.5}
    assert (tally.steps, tally.gradient_norm) == (2, 3.0)
    assert math.isnan(tally.emptied().means(on_policy=True)["on_policy_loss"])


@pytest.mark.parametrize("every", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("steps", [1, 8, 12, 13])
def test_validations_still_to_come(steps, every):
    due = [step for step in range(1, steps + 1) if step % every == 0 or step == steps]
    for step in range(1, steps + 1):
        left = len([one for one in due if one >= step])
        assert validations_left(step, steps, every) == left
