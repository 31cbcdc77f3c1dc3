"""What the shadow writes in its own training, what counts there, and whole runs with it."""

from __future__ import annotations

import dataclasses
import gc
import math

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.data.batches import Batch
from shadow_mlx.errors import ConfigError
from shadow_mlx.jobs import train
from shadow_mlx.parallel.team import alone
from shadow_mlx.runs.events import Trained, Validated
from shadow_mlx.training.distillation import Distillation, Divergence
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.objectives.pretraining import Pretraining
from shadow_mlx.training.on_policy import Author
from shadow_mlx.training.teachers import base_teacher
from tests.training.conftest import Parted

STOP = 2


def author_of(model, **options) -> Author:
    given = {"share": 0.5, "temperature": 1.0, "vocabulary": 200, "stop": frozenset({STOP})}
    return Author(model, **(given | {"seed": 0, "team": alone()} | options))


def chats_batch() -> Batch:
    """Rows of one answer, of two, of a text trained from its beginning, and one of padding."""
    generator = np.random.default_rng(5)
    tokens = generator.integers(3, 200, (4, 25)).astype(np.int32)
    weights = np.zeros((4, 24), np.float32)
    weights[0, 9:15] = 1
    weights[1, 4:8] = weights[1, 12:24] = 1
    weights[2, :20] = 1
    tokens[3] = 0
    return Batch(
        tokens[:, :-1],
        tokens[:, 1:],
        weights,
        tokens=42,
        global_tokens=42,
        examples=np.arange(3),
        cursor={"epoch": 0, "position": 1},
    )


LAST_ANSWERS = [(0, 9, 6), (1, 12, 12), (2, 0, 20)]
"""Row, first position, length."""


def test_prompts_stay_and_the_last_answer_is_written_anew(make_model):
    before = chats_batch()
    found = author_of(make_model()).written(1, [before])
    (batch,) = found.batches
    ordinary = supervised(before)
    assert [a.shape for a in batch.arrays()] == [a.shape for a in ordinary.arrays()]
    inputs, positions = np.array(batch.inputs), np.array(batch.positions)
    targets, real = np.array(batch.targets), np.array(batch.weights) > 0
    assert not np.array(batch.labels).any()
    assert real.sum() == found.tokens <= 6 + 12 + 20
    assert not inputs[3].any()
    read = 0
    for row, first, most in LAST_ANSWERS:
        np.testing.assert_array_equal(inputs[row, : first + 1], before.inputs[row, : first + 1])
        here = real & (positions // 24 == row)
        places, words = positions[here] % 24, targets[here]
        assert places.tolist() == list(range(first, first + len(words)))
        assert len(words) == most or words[-1] == STOP
        assert STOP not in words[:-1]
        end = first + len(words)
        np.testing.assert_array_equal(inputs[row, first + 1 : end], words[:-1])
        assert not inputs[row, end:].any()
        read += end
    assert found.input_tokens == read


def test_each_token_is_the_detached_models_own(make_model):
    """At temperature 0: at each place the likeliest token of a pass over what was written."""
    model = make_model()
    model.train()
    (batch,) = author_of(model, temperature=0.0).written(1, [chats_batch()]).batches
    assert model.training  # it writes in evaluation mode, and is left as it was
    logits = model.detached()(batch.inputs)[..., :200].reshape(-1, 200)[batch.positions]
    real = np.array(batch.weights) > 0
    np.testing.assert_array_equal(np.array(logits.argmax(-1))[real], np.array(batch.targets)[real])


def test_seed_step_process_and_batch_decide_what_is_written(make_model):
    model, batch = make_model(), chats_batch()

    def words(author, step, batches=(batch,)):
        return [np.array(one.targets).tolist() for one in author.written(step, batches).batches]

    author, global_state = author_of(model), mx.random.state[0].tolist()
    (first,) = words(author, 7)
    assert mx.random.state[0].tolist() == global_state
    assert words(author, 7) == [first]
    two = words(author, 7, (batch, batch))
    assert two[0] == first != two[1]
    assert words(author, 8) != [first]
    assert words(author_of(model, seed=1), 7) != [first]


def test_a_share_of_the_steps_is_chosen(make_model):
    """By seed and step alone; 8,000 draws are within five standard deviations of their mean."""
    model, steps = make_model(), range(1, 8001)
    quarter = author_of(model, share=0.25)
    chosen = [quarter.writes(step) for step in steps]
    assert abs(np.mean(chosen) - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 8000)
    assert chosen == [author_of(model, share=0.25).writes(step) for step in steps]
    assert chosen != [author_of(model, share=0.25, seed=1).writes(step) for step in steps]
    assert all(author_of(model, share=1.0).writes(step) for step in steps)
    assert not any(author_of(model, share=0.0).writes(step) for step in steps)


def float64(array: mx.array) -> np.ndarray:
    return np.array(array.astype(mx.float32), np.float64)


@pytest.mark.parametrize("objective", [Pretraining, FineTuning])
def test_the_divergence_alone_counts_as_float64_has_it(make_model, objective):
    """``δ · Σ τ² ((1 − ρ) KL(p ‖ q) + ρ KL(q ‖ p))`` at the written tokens, whatever λ is."""
    model = make_model()
    (batch,) = author_of(model).written(1, [chats_batch()]).batches
    taught = Distillation(base_teacher(model.backbone), Divergence(2.0, 0.3))
    real = np.array(batch.weights) > 0
    chosen = np.array(batch.positions)[real]
    logs = []
    for model_of in (model.backbone, model.detached()):
        logits = float64(model_of(batch.inputs)).reshape(24 * 4, -1)[chosen] / 2.0
        logs.append(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
    p, q = logs
    apart = 4.0 * (0.7 * np.exp(p) * (p - q) + 0.3 * np.exp(q) * (q - p)).sum()
    found = {}
    for aux_weight in (0.0, 5.0):
        trained = objective(aux_weight, taught, 0.2)
        found[aux_weight], gradients = nn.value_and_grad(
            model, lambda trained=trained: trained(model, batch, differentiable=True)[0]
        )()
        losses = trained(model, batch, differentiable=False)[1]
        assert found[aux_weight].item() == pytest.approx(0.2 * apart, rel=1e-5)
        assert losses.pop("distill_loss").item() == pytest.approx(apart, rel=1e-5)
        assert [loss.item() for loss in losses.values()] == [0.0] * len(losses)
        for name, gradient in tree_flatten(gradients):
            moves = name.startswith("shadow.backbone.")
            assert moves or not mx.any(gradient).item(), name


def test_writing_takes_less_memory_than_the_step(make_parts):
    parts = make_parts(objective="pretrain", teacher="base", on_policy=1.0, batch_size=16)
    drawn = [max((next(parts.plan.iterate()) for _ in range(3)), key=lambda b: b.inputs.size)]

    def peak(act) -> int:
        gc.collect()
        mx.clear_cache()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        act()
        return mx.get_peak_memory() - before

    found = parts.author.written(1, drawn)
    writing = peak(lambda: parts.author.written(1, drawn))
    step = peak(
        lambda: parts.step.finish(parts.step.start(1, found.batches, found.tokens, [0.0, 1.0]))
    )
    assert 0 < writing < step


FASTER = {"learning_rate": 1e-2, "iters": 12, "steps_per_report": 2, "on_policy": 0.5}


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "pretrain", "teacher": "base"},
        {"objective": "pretrain", "teacher": "base", "grad_accumulation_steps": 2},
        {"distill_weight": 1.0, "dropout": 0.2, "hidden_weight": 0.1},
        {"objective": "pretrain", "teacher": "base", "on_policy": 1.0},
        {"draft_weight": 1.0, "dropout": 0.2},
    ],
)
def test_a_resumed_run_writes_and_learns_the_same_to_the_bit(make_config, heard, tmp_path, options):
    config = make_config(**(FASTER | options))
    whole = train(config, heard)
    first, *_, last = heard.of(Validated)
    assert last.losses["distill_loss"] < first.losses["distill_loss"]
    Parted(config, tmp_path / "parted", 6).must_equal(whole, heard)


def test_reports_keep_the_datas_losses_and_the_shadows_own_words_apart(make_config, heard):
    config = make_config(objective="pretrain", teacher="base", **(FASTER | {"steps_per_report": 1}))
    train(config, heard)
    losses = [event.losses for event in heard.of(Trained)]
    own = [one for one in losses if not math.isnan(one["on_policy_loss"])]
    data = [one for one in losses if math.isnan(one["on_policy_loss"])]
    assert len(own) + len(data) == 12
    assert own
    assert data
    assert all(math.isnan(one["loss"]) and math.isnan(one["distill_loss"]) for one in own)
    assert all(one["loss"] > 0 and one["distill_loss"] > 0 for one in data)
    assert all("on_policy_loss" not in event.losses for event in heard.of(Validated))


def test_on_policy_steps_need_no_further_recording(make_parts):
    parts = make_parts(objective="pretrain", teacher="base", on_policy=1.0)
    (drawn,) = (next(parts.plan.iterate()),)
    step = parts.step
    step.finish(step.start(1, [supervised(drawn)], drawn.global_tokens, [0.0, 1.0]))
    found = parts.author.written(2, [drawn])
    step.finish(step.start(2, found.batches, found.tokens, [0.0, 1.0]))
    assert step.traces == 1


def test_a_teacher_that_answers_and_a_shadow_that_learns_are_needed(make_config):
    with pytest.raises(ConfigError, match="--on-policy: a teacher scores what the shadow writes"):
        make_config(objective="pretrain", on_policy=0.5)
    with pytest.raises(ConfigError, match="--on-policy and --teacher-top: what the shadow will"):
        make_config(objective="pretrain", teacher="base", teacher_top=4, on_policy=0.5)
    with pytest.raises(ConfigError, match="--on-policy and --freeze shadow: only the shadow"):
        make_config(distill_weight=1.0, freeze="shadow", on_policy=0.5)
    assert dataclasses.replace(make_config(teacher="base"), on_policy=0.5).distils
