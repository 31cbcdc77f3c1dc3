"""Events on their way to a line and back, as all versions wrote them: the declared types alone."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from shadow_mlx.files.declared import UnfitError, build
from shadow_mlx.runs.events import Event, Noted, RunEnded, Trained, Validated, from_json, to_json
from shadow_mlx.serving.reports import Listening
from tests.runs.fake_run import started, trained

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


def test_an_event_is_built_of_the_declared_types_only() -> None:
    event = trained(10)
    assert build(Trained, dataclasses.asdict(event)) == event
    ended = RunEnded(0.0, "done", 3, None, None, 1.0)
    assert from_json(to_json(ended)) == ended
    assert from_json(to_json(started(5))) == started(5)
    with pytest.raises(UnfitError, match="missing"):
        build(Noted, {"time": 1.0, "level": "info"})
    listening = Listening("http://a/v1", ("b", "c"))
    assert build(Listening, json.loads(json.dumps(dataclasses.asdict(listening)))) == listening
    for wrong in ("b", [1], {"b": "c"}):
        with pytest.raises(UnfitError):
            build(Listening, {"url": "x", "models": wrong})
    newer = {**json.loads(to_json(event)), "new_in_the_next_version": [1]}
    assert from_json(json.dumps(newer)) == event
    unknown: Event | None = from_json(json.dumps({"event": "NewInTheNextVersion", "time": 1}))
    assert unknown is None
