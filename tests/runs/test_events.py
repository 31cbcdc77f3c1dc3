"""Lines of a record, as all versions wrote them."""

import json
import math

import pytest

from shadow_mlx.runs.events import Trained, Validated, from_json, to_json

VALIDATED = (
    '{"event": "Validated", "time": 5.0, "step": 3, "loss": 1.5, "shadow_loss": 2.75, '
    '"tokens": 9, "seconds": 0.5, "best": true}'
)


def test_a_line_stays_what_it_always_was():
    event = Validated(5.0, 3, {"loss": 1.5, "shadow_loss": 2.75}, 9, 0.5, best=True)
    assert to_json(event) == VALIDATED
    assert from_json(VALIDATED) == event
    assert (event.loss, event.shadow_loss) == (1.5, 2.75)


def test_a_loss_that_was_not_computed_is_null_and_reads_as_nan():
    figures = dict.fromkeys(("learning_rate", "gradient_norm", "tokens_per_second"), 1.0)
    figures |= dict.fromkeys(("steps_per_second", "seconds_left", "epoch"), 1.0)
    event = Trained(
        5.0,
        3,
        {"loss": 1.5, "shadow_loss": math.nan},
        trained_tokens=1,
        peak_memory_bytes=1,
        **figures,
    )
    assert json.loads(to_json(event))["shadow_loss"] is None
    read = from_json(to_json(event))
    assert list(read.losses) == ["loss", "shadow_loss"]
    assert math.isnan(read.shadow_loss)


@pytest.mark.parametrize("damage", [("loss", "lost"), ("1.5", '"1.5"'), ("2.75", "[]")])
def test_a_line_without_its_losses_is_none(damage):
    assert from_json(VALIDATED.replace(*damage)) is None


def test_another_objective_has_losses_of_other_names():
    event = from_json(VALIDATED.replace("shadow_loss", "teacher_loss"))
    assert event.losses == {"loss": 1.5, "teacher_loss": 2.75}
    assert math.isnan(event.shadow_loss)
