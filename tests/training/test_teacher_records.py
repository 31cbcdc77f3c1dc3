"""What a teacher said, kept on disk: the same as asking it, and made only once."""

from __future__ import annotations

import dataclasses
import gc

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.jobs import train
from shadow_mlx.runs.events import PhaseChanged, StopToken, Trained, Validated
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training import teacher_records
from shadow_mlx.training.distillation import Divergence, HeadTeacher
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.teacher_records import RecordedTeacher, recorded
from tests.training.conftest import Heard, Parted

ALL_TOKENS = 100_000
"""More than any vocabulary of these tests has: the record is then the whole distribution."""


@pytest.fixture
def parts(make_parts):
    return make_parts(
        objective="pretrain", distill_weight=1.0, teacher="base", teacher_top=ALL_TOKENS
    )


def records_of(parts, folder, stopping=lambda: False, told=lambda *_: None):
    return recorded(parts.recording, parts.model, parts.plan, folder / "train", told, stopping)


def test_records_of_all_tokens_are_the_teachers_distributions(parts, tmp_path):
    parts.plan.notes = records_of(parts, tmp_path)
    batch = next(parts.plan.iterate())
    arrays = supervised(batch)
    tokens, logs = RecordedTeacher().rows(parts.model, arrays)
    teacher = parts.recording.load()
    logits = teacher.head(*teacher.rows(parts.model, arrays))
    expected = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    expected = mx.take_along_axis(expected, tokens, axis=-1)
    n = batch.tokens
    np.testing.assert_allclose(np.array(logs[:n]), np.array(expected[:n]), rtol=2e-3, atol=2e-3)
    student = mx.random.normal(logits.shape)
    asked = Divergence().between(logits, student)[:n]
    kept = RecordedTeacher().apart([Divergence()], student, tokens, logs)[0][:n]
    np.testing.assert_allclose(np.array(kept), np.array(asked), rtol=5e-3)


def test_a_recording_goes_on_where_it_was_stopped(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_records, "BATCHES_OF_A_FILE", 3)
    done: list[int] = []
    told = lambda number, count: done.append(number)  # noqa: E731 - a name for one call
    assert records_of(parts, tmp_path, lambda: len(done) >= 5, told) is None
    assert len(list(tmp_path.iterdir())) == 1
    whole = records_of(parts, tmp_path, told=told)
    assert done[5:] == list(range(3, parts.plan.batches_per_epoch + 1))
    again = records_of(parts, tmp_path, told=lambda number, count: done.append(-number))
    assert done[-1] == -parts.plan.batches_per_epoch
    assert min(done[:-1]) >= 0  # nothing was asked again
    for one, other in ((whole.tokens, again.tokens), (whole.logs, again.logs)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("damage", ["another", "cut", "empty"])
def test_files_of_other_records_or_damaged_ones_are_made_anew(make_parts, parts, tmp_path, damage):
    file = tmp_path / "train-00000.safetensors"
    whole = records_of(parts, tmp_path)
    if damage == "another":
        other = make_parts(
            objective="pretrain",
            distill_weight=1.0,
            teacher_top=ALL_TOKENS,
            distill_temperature=3.0,
        )
        warm = records_of(other, tmp_path)
        assert not np.array_equal(warm.logs, whole.logs)
    else:
        file.write_bytes(file.read_bytes()[:100] if damage == "cut" else b"")
    np.testing.assert_array_equal(records_of(parts, tmp_path).logs, whole.logs)


def test_a_run_by_records_resumes_to_the_bit_and_learns_what_the_teacher_says(
    make_config, heard, tmp_path
):
    options = {
        "objective": "pretrain", "distill_weight": 1.0, "aux_weight": 0.0, "learning_rate": 1e-2,
        "iters": 12,
    }  # fmt: skip
    config = make_config(**options, teacher_top=ALL_TOKENS)
    whole = train(config, heard)
    first, *_, last = heard.of(Validated)
    assert last.losses["distill_loss"] < first.losses["distill_loss"]
    assert {path.name for path in RunFolder(whole.adapter_path).teacher.iterdir()} == {
        "train-00000.safetensors",
        "valid-00000.safetensors",
    }
    Parted(config, tmp_path / "parted", 6).must_equal(whole, heard)
    everything = Heard()
    train(make_config(**options, adapter_path=str(tmp_path / "asked")), everything)
    asked = everything.of(Validated)[-1].losses["distill_loss"]
    assert last.losses["distill_loss"] == pytest.approx(asked, rel=0.02)


def test_a_stop_while_recording_leaves_a_run_that_goes_on(make_config):
    stop = StopToken()
    config = make_config(objective="pretrain", distill_weight=1.0, teacher_top=8)

    def listen(event):
        if isinstance(event, PhaseChanged) and event.phase == "recording":
            stop.stop()

    first = train(config, listen, stop)
    assert (first.reason, first.step, first.saved_step) == ("stopped", 0, 0)
    second = train(config, resume=True)
    assert (second.reason, second.step) == ("done", 8)


def test_overwriting_a_run_removes_its_records_and_nothing_else(make_config):
    config = make_config(objective="pretrain", distill_weight=1.0, teacher_top=8)
    folder = RunFolder(train(config).adapter_path)
    (folder.teacher / "notes.txt").write_text("mine")
    train(make_config(objective="pretrain", adapter_path=str(folder.path)), overwrite=True)
    assert [path.name for path in folder.teacher.iterdir()] == ["notes.txt"]


def test_the_likeliest_tokens_are_kept(make_parts, tmp_path):
    parts = make_parts(objective="pretrain", teacher_top=5)
    parts.plan.notes = records_of(parts, tmp_path)
    batch = next(parts.plan.iterate())
    arrays = supervised(batch)
    tokens, _ = RecordedTeacher().rows(parts.model, arrays)
    teacher = parts.recording.load()
    logits = np.array(teacher.head(*teacher.rows(parts.model, arrays)))
    best = np.argsort(-logits, axis=-1)[: batch.tokens, :5]
    np.testing.assert_array_equal(np.sort(np.array(tokens)[: batch.tokens]), np.sort(best))


def test_a_teacher_trained_anew_is_recorded_anew(make_config, tmp_path):
    adapter = str(tmp_path / "teacher")
    told = []

    def listen(event):
        if isinstance(event, PhaseChanged) and event.phase == "recording":
            told.append(event.detail)

    options = {"objective": "pretrain", "teacher": adapter, "teacher_top": 4, "val_batches": 0}
    train(make_config(adapter_path=adapter, iters=1, val_batches=0))
    config = make_config(**options, iters=2)
    train(config, listen)
    asked = len(told)
    train(dataclasses.replace(config, iters=3), listen, resume=True)
    assert len(told) == asked + 1  # all there
    train(make_config(adapter_path=adapter, iters=2, val_batches=0), overwrite=True)
    train(dataclasses.replace(config, iters=4), listen, resume=True)
    assert len(told) == 2 * asked + 1


def test_the_teacher_is_gone_when_the_training_begins(make_config, tiny_backbone):
    def teachers() -> int:
        gc.collect()
        return sum(isinstance(one, HeadTeacher) for one in gc.get_objects())

    seen = []

    def listen(event):
        if isinstance(event, Trained):
            seen.append(teachers())

    options = {"objective": "pretrain", "teacher": str(tiny_backbone), "iters": 2}
    train(make_config(**options, teacher_top=4), listen)
    assert seen == [0, 0]
    seen.clear()
    train(make_config(**options), listen, overwrite=True)
    assert seen == [1, 1]


def test_tokens_that_only_the_teacher_has_are_not_kept(make_parts, tmp_path):
    parts = make_parts(objective="pretrain", teacher_top=4)
    teacher = parts.recording.load()
    wider = dataclasses.replace(
        teacher,
        head=lambda hidden: mx.pad(teacher.head(hidden), [(0, 0), (0, 64)], constant_values=99.0),
    )
    padded = dataclasses.replace(
        parts, recording=dataclasses.replace(parts.recording, load=lambda: wider)
    )
    found = [records_of(one, tmp_path / name) for one, name in ((parts, "a"), (padded, "b"))]
    for one, other in ((found[0].tokens, found[1].tokens), (found[0].logs, found[1].logs)):
        np.testing.assert_array_equal(np.sort(one), np.sort(other))
