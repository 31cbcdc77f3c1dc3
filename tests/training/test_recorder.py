"""Whoever listens, and however they fail: the others hear everything, and the run goes on."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.jobs import train
from shadow_mlx.runs.events import Noted, RunEnded, StopToken, Trained, from_json
from shadow_mlx.runs.folder import EventLog, RunFolder
from shadow_mlx.training.recorder import Recorder
from tests.training.conftest import Heard

FAILURES = [
    BrokenPipeError(32, "Broken pipe"),
    OSError(28, "full"),
    RuntimeError(),
    ValueError("x"),
]


class Failing(Heard):
    """Raises at its n-th event, and at every one after it."""

    def __init__(self, after: int, error: Exception) -> None:
        super().__init__()
        self.after, self.error = after, error

    def __call__(self, event) -> None:
        super().__call__(event)
        if len(self.events) > self.after:
            raise self.error


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(FAILURES)), max_size=4))
def test_failing_listeners_are_let_go_once_each(failing: list[tuple[int, Exception]]) -> None:
    heard = Heard()
    listeners = [Failing(*one) for one in failing]
    recorder = Recorder(heard)
    for listener in listeners:
        recorder.add(listener)
    said = [Noted(float(i), "info", f"event {i}") for i in range(10)]
    for event in said:
        recorder(event)
    assert [event for event in heard.events if event in said] == said
    notes = [
        event for event in heard.of(Noted) if "failed and is not told any more" in event.message
    ]
    gone = [one for one in listeners if len(one.events) > one.after]
    assert len(notes) == len(gone)
    assert all(len(one.events) == one.after + 1 for one in gone)


def test_the_last_listeners_failure_goes_to_the_log_of_the_program(caplog) -> None:
    recorder = Recorder(Failing(0, ValueError("no")))
    with caplog.at_level(logging.WARNING):
        recorder.note("info", "hello")
        recorder.note("info", "hello again")
    assert [record.getMessage() for record in caplog.records] == [
        "Failing failed and is not told any more: ValueError: no"
    ]


def test_a_raising_listener_does_not_end_a_run(make_config) -> None:
    failing = Failing(9, BrokenPipeError(32, "Broken pipe"))
    summary = train(make_config(), failing)
    assert (summary.reason, summary.step, len(failing.events)) == ("done", 8, 10)
    lines = RunFolder(summary.adapter_path).events.read_text(encoding="utf-8").splitlines()
    events = [from_json(line) for line in lines]
    (note,) = (e for e in events if isinstance(e, Noted) and "BrokenPipeError" in e.message)
    assert note.level == "warning"
    assert isinstance(events[-1], RunEnded)


def fill_disk_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    write = EventLog.__call__

    def refuse(self, event) -> None:
        if isinstance(event, Trained | RunEnded) and event.step >= step:
            raise SurroundingsError(f"{self._path}: cannot write: the disk is full.")
        write(self, event)

    monkeypatch.setattr(EventLog, "__call__", refuse)


@pytest.mark.parametrize("step", [2, 8])  # in the middle, and at the very end
def test_a_log_that_is_lost_ends_the_run_with_its_state_saved(make_config, monkeypatch, step):
    config = make_config(save_every=100, val_batches=0)
    folder = RunFolder(Path(config.adapter_path))
    stop, heard = StopToken(), Heard()
    with monkeypatch.context() as patched:
        fill_disk_after(patched, step)
        with pytest.raises(SurroundingsError, match=r"events\.jsonl: .*full") as raised:
            train(config, heard, stop)
    (saved,) = folder.saved_steps()
    assert saved >= step
    assert f"step {saved} is kept; --resume" in str(raised.value)
    assert heard.of(RunEnded)[-1].reason == "failed"
    whole = train(
        make_config(save_every=100, val_batches=0, adapter_path=config.adapter_path + "2")
    )
    assert train(config, resume=True).step == whole.step
    names = [
        RunFolder(Path(p)).path / "adapter_model.safetensors"
        for p in (folder.path, whole.adapter_path)
    ]
    assert names[0].read_bytes() == names[1].read_bytes()
