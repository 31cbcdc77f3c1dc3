"""Whole runs on a tiny model: what they write, and what they say."""

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest
import yaml

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import Interrupted, SurroundingsError
from shadow_mlx.files import writing as files
from shadow_mlx.jobs import train
from shadow_mlx.loading import load_model
from shadow_mlx.runs.events import (
    RunEnded,
    RunStarted,
    Sampled,
    Saved,
    StopToken,
    Trained,
    Validated,
    from_json,
)
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training.step import TrainingStep
from tests.test_macos import SAID, TIMEOUTS
from tests.training.conftest import Heard, adapter_bytes


def test_a_run_writes_what_the_contract_says(make_config, heard):
    config = make_config()
    summary = train(config, heard)
    folder = RunFolder(summary.adapter_path)
    assert summary.reason == "done"
    assert summary.step == 8
    assert {entry.name for entry in folder.path.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "README.md",
        "draft_tokens.json",
        "run",
    }
    assert summary.best_step is not None
    assert folder.saved_steps() == sorted({summary.best_step, 8})
    lines = folder.events.read_text(encoding="utf-8").splitlines()
    assert [from_json(line) for line in lines] == heard.events
    assert [event.step for event in heard.of(Trained)] == list(range(1, 9))
    assert [event.step for event in heard.of(Validated)] == [0, 4, 8]
    assert heard.of(RunStarted)[0].total_steps == 8
    assert heard.of(RunEnded)[0].reason == "done"
    assert heard.of(Trained)[-1].peak_memory_bytes > 0


@pytest.mark.usefixtures("short_answers")
def test_samples_change_nothing_but_what_is_told(make_config, heard, tmp_path):
    summary = train(make_config(dropout=0.3, samples=2), heard)
    assert [(e.step, e.example) for e in heard.of(Sampled)] == [
        (step, example) for step in (0, 4, 8) for example in (1, 2)
    ]
    first = heard.of(Sampled)[0]
    assert first.prompt.startswith("say ")
    assert first.expected == first.prompt.removeprefix("say ") + first.expected[0]
    silent = Heard()
    other = train(make_config(dropout=0.3, adapter_path=str(tmp_path / "b")), silent)
    assert silent.of(Sampled) == []
    lines = RunFolder(summary.adapter_path).events.read_text(encoding="utf-8").splitlines()
    assert [from_json(line) for line in lines] == heard.events
    assert silent.losses == heard.losses
    assert silent.validations == heard.validations
    assert adapter_bytes(other.adapter_path) == adapter_bytes(summary.adapter_path)


def test_it_learns_and_the_top_holds_the_best(make_config, heard):
    summary = train(make_config(iters=40, steps_per_eval=10, learning_rate=1e-2), heard)
    first, *_, last = heard.of(Validated)
    assert last.loss < 0.8 * first.loss
    best = RunFolder(summary.adapter_path).checkpoint(summary.best_step)
    assert adapter_bytes(best) == adapter_bytes(summary.adapter_path)


def test_without_validation_the_top_holds_the_last(make_config, heard):
    summary = train(make_config(val_batches=0), heard)
    assert summary.best_step is None
    assert heard.of(Validated) == []
    folder = RunFolder(summary.adapter_path)
    assert folder.saved_steps() == [8]
    assert adapter_bytes(folder.checkpoint(8)) == adapter_bytes(folder.path)


def test_the_adapter_and_each_checkpoint_load(make_config):
    summary = train(make_config())
    tokens = mx.array([[5, 6, 7, 8]])
    last = load_model(adapter_path=str(RunFolder(summary.adapter_path).checkpoint(8)))
    assert mx.isfinite(last(tokens)).all().item()
    assert load_model(adapter_path=str(summary.adapter_path), mode="detached")(tokens).shape[1] == 4


def test_the_same_options_give_the_same_run_from_the_saved_config(make_config, heard, tmp_path):
    summary = train(make_config(dropout=0.2), heard)
    text = (summary.adapter_path / "run" / "config.yaml").read_text(encoding="utf-8")
    config = TrainConfig.from_mapping(yaml.safe_load(text))
    again = Heard()
    train(replace(config, adapter_path=str(tmp_path / "again")), again)
    assert again.losses == heard.losses
    assert again.validations == heard.validations
    assert adapter_bytes(tmp_path / "again") == adapter_bytes(summary.adapter_path)


def test_a_job_attends_to_its_token_from_the_first_step_on(make_config, heard):
    stop = StopToken(attended=False)
    attended: list[tuple[str, bool]] = []
    train(make_config(), lambda event: attended.append((type(event).__name__, stop.attended)), stop)
    assert ("PhaseChanged", False) in attended  # loading
    assert ("RunStarted", True) in attended
    asked = StopToken(attended=False)
    asked.stop()
    with pytest.raises(Interrupted, match="nothing was changed"):
        train(make_config(), heard, asked, overwrite=True)
    assert RunFolder(Path(make_config().adapter_path)).saved_steps()


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint(make_config, heard, monkeypatch):
    config = make_config(val_batches=0)
    full = threading.Event()
    sync = os.fsync

    def fsync(handle: int) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    def fill(event):
        heard(event)
        if isinstance(event, Saved) and event.step == 3:
            full.set()

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(SurroundingsError, match="disk is full") as raised:
        train(config, fill)
    assert raised.value.exit_code == 3
    folder = RunFolder(Path(config.adapter_path))
    before = adapter_bytes(folder.path)
    assert folder.saved_steps() == [3]
    assert [entry.name for entry in folder.checkpoints.iterdir()] == ["step-000003"]
    full.clear()
    assert train(config, resume=True).step == 8
    assert adapter_bytes(folder.path) != before


@pytest.mark.parametrize(
    ("error", "said", "advised"),
    [
        (MemoryError(), "out of memory", True),
        (RuntimeError("[metal::malloc] no"), "out of memory", True),
        (RuntimeError(SAID.format("…", TIMEOUTS[0])), "the GPU's watchdog ended a step", False),
    ],
)
def test_a_machine_that_gives_up_ends_the_run_in_words(
    make_config, heard, monkeypatch, error, said, advised
):
    finish = TrainingStep.finish

    def give_up(self, result):
        if heard.of(Saved):
            raise error
        return finish(self, result)

    monkeypatch.setattr(TrainingStep, "finish", give_up)
    config = make_config(save_every=2)
    with pytest.raises(SurroundingsError, match=said) as failed:
        train(config, heard)
    message = str(failed.value)
    assert ("--resume with --grad-checkpoint" in message) is advised
    assert "The checkpoint of step 2 is kept" in message
    (ended,) = heard.of(RunEnded)
    assert (ended.reason, ended.message) == ("failed", message)
    monkeypatch.undo()
    assert train(config, heard, resume=True).reason == "done"


def test_a_mistake_of_ours_stays_one(make_config, heard, monkeypatch):
    def fail(self, result):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(TrainingStep, "finish", fail)
    with pytest.raises(RuntimeError, match="a mistake"):
        train(make_config(), heard)


def test_shapes_and_traces_are_bounded(make_config, monkeypatch):
    """Forty steps over all lengths of the data, and only a handful of traces."""
    steps: list[TrainingStep] = []
    make = TrainingStep.__init__

    def remember(self, *args, **kwargs):
        make(self, *args, **kwargs)
        steps.append(self)

    monkeypatch.setattr(TrainingStep, "__init__", remember)
    train(make_config(iters=40, val_batches=0, save_every=40))
    assert steps[0].traces <= 12
