"""Whole runs on a tiny model: what they write, and that resumed runs are the same run."""

import errno
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest
import yaml

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import (
    ConfigError,
    InputError,
    Interrupted,
    NonFiniteError,
    SurroundingsError,
)
from shadow_mlx.files import writing as files
from shadow_mlx.jobs import train
from shadow_mlx.loading import load_model
from shadow_mlx.runs.events import (
    Noted,
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
from shadow_mlx.training import samples
from shadow_mlx.training.step import TrainingStep
from tests.tiny import write_tiny_backbone
from tests.training.conftest import Heard, write_chats


def losses(heard: Heard) -> dict[int, tuple[float, float, float]]:
    return {e.step: (e.loss, e.shadow_loss, e.gradient_norm) for e in heard.of(Trained)}


def validations(heard: Heard) -> dict[int, tuple[float, float, bool]]:
    return {e.step: (e.loss, e.shadow_loss, e.best) for e in heard.of(Validated)}


def adapter_bytes(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


class StopAfter(Heard):
    """Listens, and asks to stop when a step is reported."""

    def __init__(self, step: int, stop: StopToken) -> None:
        super().__init__()
        self.step, self.stop = step, stop

    def __call__(self, event):
        super().__call__(event)
        if isinstance(event, Trained) and event.step == self.step:
            self.stop.stop()


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


@pytest.fixture
def short_answers(monkeypatch):
    monkeypatch.setattr(samples, "MAX_TOKENS", 12)


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
    other = train(make_config(dropout=0.3, samples=0, adapter_path=str(tmp_path / "b")), silent)
    assert silent.of(Sampled) == []
    lines = RunFolder(summary.adapter_path).events.read_text(encoding="utf-8").splitlines()
    assert [from_json(line) for line in lines] == heard.events
    assert losses(silent) == losses(heard)
    assert validations(silent) == validations(heard)
    assert adapter_bytes(other.adapter_path) == adapter_bytes(summary.adapter_path)


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


def test_it_learns_and_the_top_holds_the_best(make_config, heard):
    summary = train(make_config(iters=40, steps_per_eval=10, learning_rate=1e-2), heard)
    found = validations(heard)
    assert found[40][0] < 0.8 * found[0][0]
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
    assert losses(again) == losses(heard)
    assert validations(again) == validations(heard)
    assert adapter_bytes(tmp_path / "again") == adapter_bytes(summary.adapter_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.3, "samples": 1},
        {"grad_accumulation_steps": 3, "epochs": 0.6, "iters": None, "batch_size": 2},
        {"steps_per_report": 3, "optimizer": "muon", "sharing": "layer"},
    ],
    ids=["dropout", "accumulation", "reports"],
)
@pytest.mark.usefixtures("short_answers")
def test_a_resumed_run_is_the_same_run_to_the_last_bit(make_config, heard, tmp_path, changes):
    config = make_config(**changes)
    whole = train(config, heard)
    stopped_at = {1: 3, 3: 6}[config.steps_per_report]
    parted = replace(config, adapter_path=str(tmp_path / "parted"))
    stop = StopToken()
    before = StopAfter(stopped_at, stop)
    first = train(parted, before, stop)
    assert (first.reason, before.of(RunEnded)[0].reason) == ("stopped", "stopped")
    assert first.step in (stopped_at, stopped_at + 1)
    after = Heard()
    second = train(parted, after, resume=True)
    assert second.reason == "done"
    assert losses(before) | losses(after) == losses(heard)
    assert validations(before) | validations(after) == validations(heard)
    assert adapter_bytes(second.adapter_path) == adapter_bytes(whole.adapter_path)
    assert (second.step, second.best_step, second.supervised_tokens) == (
        whole.step,
        whole.best_step,
        whole.supervised_tokens,
    )


def test_a_stop_during_validation_loses_nothing(make_config, heard, tmp_path):
    """The validation that was cut short is the first thing a resumed run does."""
    config = make_config(steps_per_eval=3)
    whole = train(config, heard)
    parted = replace(config, adapter_path=str(tmp_path / "parted"))
    stop = StopToken()
    train(parted, StopAfter(3, stop), stop)
    after = Heard()
    second = train(parted, after, resume=True)
    assert validations(after) == {s: v for s, v in validations(heard).items() if s >= 3}
    assert adapter_bytes(second.adapter_path) == adapter_bytes(whole.adapter_path)


def test_resuming_a_finished_run_changes_nothing(make_config, heard):
    summary = train(make_config())
    before = adapter_bytes(summary.adapter_path)
    again = train(make_config(), heard, resume=True)
    assert again.reason == "done"
    assert heard.of(Trained) == []
    assert adapter_bytes(summary.adapter_path) == before


def test_a_finished_run_can_be_made_longer(make_config, heard):
    train(make_config())
    assert train(make_config(iters=12), heard, resume=True).step == 12
    assert sorted(losses(heard)) == [9, 10, 11, 12]


def test_resume_refuses_options_that_make_it_another_run(make_config):
    train(make_config())
    with pytest.raises(ConfigError) as raised:
        train(make_config(rank=8, seed=5, steps_per_report=2), resume=True)
    message = str(raised.value)
    assert "--rank: the run has 4, given is 8" in message
    assert "--seed" in message
    assert "--steps-per-report" not in message


def test_resume_refuses_changed_data(make_config, tmp_path):
    data = write_chats(tmp_path / "own.jsonl", 20)
    train(make_config(data=str(data)))
    write_chats(data, 20, seed=1)
    with pytest.raises(ConfigError, match="data are not those of the run"):
        train(make_config(data=str(data)), resume=True)


def test_resume_needs_a_run(make_config):
    with pytest.raises(ConfigError, match="no run in"):
        train(make_config(), resume=True)


def test_a_trained_adapter_is_never_overwritten_unasked(make_config):
    summary = train(make_config())
    before = adapter_bytes(summary.adapter_path)
    with pytest.raises(InputError, match="already holds a run saved at step 8") as raised:
        train(make_config())
    assert "--resume" in str(raised.value)
    assert "--overwrite" in str(raised.value)
    assert adapter_bytes(summary.adapter_path) == before
    train(make_config(seed=1), overwrite=True)
    assert adapter_bytes(summary.adapter_path) != before


def test_overwriting_with_bad_options_loses_nothing(make_config):
    summary = train(make_config())
    before = adapter_bytes(summary.adapter_path)
    with pytest.raises(InputError):
        train(make_config(model="no/such-folder/at-all"), overwrite=True)
    assert adapter_bytes(summary.adapter_path) == before
    assert RunFolder(summary.adapter_path).saved_steps()


def test_a_folder_is_locked_while_a_run_writes_it(make_config):
    config = make_config()
    refused: list[str] = []

    def meddle(event):
        if isinstance(event, Trained) and event.step == 1:
            with pytest.raises(SurroundingsError) as raised:
                train(config, resume=True)
            refused.append(str(raised.value))

    train(config, meddle)
    assert f"process {os.getpid()}" in refused[0]


def test_who_starts_slowly_does_not_replace_a_run_that_ended_meanwhile(make_config, monkeypatch):
    """It looked before the other one took the lock, and comes to its turn when that has ended."""
    other = train(make_config(adapter_path=make_config().adapter_path + "-other"))
    config = make_config()
    lock = RunFolder.lock

    def late(self):
        if not self.path.exists():
            shutil.copytree(other.adapter_path, self.path)
        return lock(self)

    monkeypatch.setattr(RunFolder, "lock", late)
    with pytest.raises(InputError, match="already holds a run saved at step 8"):
        train(config)
    assert adapter_bytes(Path(config.adapter_path)) == adapter_bytes(other.adapter_path)


def test_a_refused_or_failed_start_leaves_no_trace(make_config, tmp_path):
    for changes in ({"data": "no/such.jsonl"}, {"model": "./no-model"}, {"data": None}):
        with pytest.raises(InputError):
            train(make_config(**changes))
        assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError):
        train(make_config(), resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{}, {"resume": True}, {"overwrite": True}])
def test_what_another_tool_left_is_never_replaced(make_config, tmp_path, changes):
    folder = tmp_path / "run"
    if changes:
        train(make_config(iters=2))
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')
    (folder / "adapters.safetensors").write_bytes(b"precious")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}
    with pytest.raises(InputError, match=r"adapter_config\.json: of a lora adapter of mlx-lm"):
        train(make_config(), **changes)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"} == (
        before
    )


def test_a_persons_readme_and_files_stay_through_every_kind_of_run(make_config, tmp_path, heard):
    mine = {"README.md": "# My robot\n", "notes.txt": "mine", ".draft.7.tmp": "mine"}
    (tmp_path / "run").mkdir()
    for name, text in mine.items():
        (tmp_path / "run" / name).write_text(text)
    train(make_config(iters=2), heard)
    train(make_config(iters=4), resume=True)
    train(make_config(iters=2), overwrite=True)
    assert {name: (tmp_path / "run" / name).read_text() for name in mine} == mine
    assert any("README.md is yours and stays" in e.message for e in heard.of(Noted))


def test_a_model_card_is_renewed_until_somebody_changes_it(make_config, tmp_path):
    card = tmp_path / "run" / "README.md"
    train(make_config(iters=2, val_batches=0))
    first = card.read_text(encoding="utf-8")
    train(make_config(iters=4, val_batches=0), resume=True)
    assert card.read_text(encoding="utf-8") != first
    changed = card.read_text(encoding="utf-8") + "\nMy notes.\n"
    card.write_text(changed, encoding="utf-8")
    train(make_config(iters=6, val_batches=0), resume=True)
    train(make_config(iters=2, val_batches=0), overwrite=True)
    assert card.read_text(encoding="utf-8") == changed


def test_a_hurried_stop_keeps_the_last_checkpoint_and_adds_none(make_config, heard):
    stop = StopToken()

    def hurry(event):
        heard(event)
        if isinstance(event, Trained) and event.step == 5:
            stop.hurry()

    config = make_config(val_batches=0, save_every=3)
    summary = train(config, hurry, stop)
    assert (summary.reason, summary.saved_step) == ("stopped", 3)
    assert summary.step in (5, 6)
    assert RunFolder(summary.adapter_path).saved_steps() == [3]
    whole = train(make_config(val_batches=0, adapter_path=config.adapter_path + "-whole"))
    assert train(config, resume=True).reason == "done"
    assert adapter_bytes(summary.adapter_path) == adapter_bytes(whole.adapter_path)


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


def test_a_pause_waits_between_steps(make_config, heard):
    stop = StopToken()
    waits: list[bool] = []

    def pause_and_go_on(event):
        if isinstance(event, Trained) and event.step == 2:
            stop.pause()
            waits.append(stop.paused)
            threading.Timer(0.05, stop.resume).start()

    assert train(make_config(), pause_and_go_on, stop).reason == "done"
    assert waits == [True]


def test_data_are_needed(make_config):
    with pytest.raises(ConfigError, match="--data"):
        train(make_config(data=None))


def test_an_adapter_to_start_from_gives_its_weights(make_config, tmp_path, heard):
    first = train(make_config())
    config = make_config(
        adapter_path=str(tmp_path / "second"), init_adapter=str(first.adapter_path), alpha=0.7
    )
    train(config, heard)
    begun = Heard()
    train(make_config(adapter_path=str(tmp_path / "fresh")), begun)
    assert heard.of(Validated)[0].loss < begun.of(Validated)[0].loss
    saved = json.loads((tmp_path / "second" / "adapter_config.json").read_text(encoding="utf-8"))
    assert saved["shadow_alpha"] == 0.7
    assert train(config, resume=True).reason == "done"
    with pytest.raises(ConfigError, match="--rank: the adapter has 4, asked for is 6"):
        train(replace(config, rank=6, adapter_path=str(tmp_path / "third")))


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


@pytest.mark.parametrize("kind", ["narrow mirror", "explicit"])
def test_every_kind_of_shadow_resumes(make_config, heard, tmp_path, kind):
    """The checkpoint's own adapter rebuilds the shadow, whatever its shape came from."""
    options = {"shadow_hidden_size": 16, "shadow_heads": 2, "shadow_kv_heads": 2}
    if kind == "explicit":
        options = {"shadow": str(write_tiny_backbone(tmp_path / "small", num_hidden_layers=1))}
    config = make_config(**options)
    whole = train(config, heard)
    parted = replace(config, adapter_path=str(tmp_path / "parted"))
    stop = StopToken()
    train(parted, StopAfter(5, stop), stop)
    after = Heard()
    second = train(parted, after, resume=True)
    assert losses(after) == {step: v for step, v in losses(heard).items() if step > 5}
    assert adapter_bytes(second.adapter_path) == adapter_bytes(whole.adapter_path)
