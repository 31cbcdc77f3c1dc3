"""When the loop reports, validates, pauses and ends, in whole runs on a tiny model."""

import threading
from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.errors import NonFiniteError
from shadow_mlx.jobs import train
from shadow_mlx.loading import load_model
from shadow_mlx.runs.events import RunEnded, Sampled, Saved, StopToken, Trained, Validated
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training.step import TrainingStep
from tests.training.conftest import Heard, adapter_bytes


@pytest.mark.usefixtures("short_answers")
def test_the_time_left_has_room_for_the_validations(make_config, heard):
    train(make_config(iters=6, steps_per_eval=2, samples=1), heard)
    checks: dict[int, float] = {}
    for event in heard.events:
        if isinstance(event, Validated):
            checks[event.step] = event.seconds
        elif isinstance(event, Sampled):
            checks[event.step] += event.seconds
    for event in heard.of(Trained):
        last = checks[(event.step - 1) // 2 * 2]  # its own validation is still to come
        to_come = len([step for step in (2, 4, 6) if step >= event.step])
        steps = (6 - event.step) / event.steps_per_second
        # a validation takes a little longer than its parts
        assert steps + to_come * last <= event.seconds_left < steps + to_come * (last + 30.0)


def test_a_hurried_stop_keeps_the_last_checkpoint_and_adds_none(make_config):
    stop = StopToken()
    config = make_config(val_batches=0, save_every=3)
    summary = train(config, Heard(5, stop.hurry), stop)
    assert (summary.reason, summary.saved_step) == ("stopped", 3)
    assert summary.step in (5, 6)
    assert RunFolder(summary.adapter_path).saved_steps() == [3]
    whole = train(make_config(val_batches=0, adapter_path=config.adapter_path + "-whole"))
    assert train(config, resume=True).reason == "done"
    assert adapter_bytes(summary.adapter_path) == adapter_bytes(whole.adapter_path)


def test_patience_ends_the_run(make_config, heard):
    """A learning rate too small to move a weight: no validation after the first is better."""
    summary = train(
        make_config(steps_per_eval=1, patience=2, learning_rate=1e-30, save_every=50), heard
    )
    assert summary.reason == "patience"
    assert (summary.step, summary.best_step) == (3, 1)
    assert heard.of(RunEnded)[0].reason == "patience"
    assert heard.of(Saved)[-1].step == summary.step


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(
    make_config, heard, monkeypatch
):
    start = TrainingStep.start

    def poisoned(self, step, batches, tokens, said):
        if step == 6:
            self.model.shadow.layers[0].up.weight *= mx.nan
        return start(self, step, batches, tokens, said)

    monkeypatch.setattr(TrainingStep, "start", poisoned)
    config = make_config()
    with pytest.raises(NonFiniteError, match=r"step 6: .*not a finite number") as raised:
        train(config, heard)
    assert "step 4 is kept" in str(raised.value)
    assert heard.of(RunEnded)[0].reason == "failed"
    folder = RunFolder(Path(config.adapter_path))
    assert folder.saved_steps() == [4]
    model = load_model(adapter_path=config.adapter_path)
    assert mx.isfinite(model(mx.array([[1, 2, 3]]))).all().item()


def test_a_pause_waits_between_steps(make_config):
    stop = StopToken()
    waits: list[bool] = []

    def pause_and_go_on() -> None:
        stop.pause()
        waits.append(stop.paused)
        threading.Timer(0.05, stop.resume).start()

    assert train(make_config(), Heard(2, pause_and_go_on), stop).reason == "done"
    assert waits == [True]
