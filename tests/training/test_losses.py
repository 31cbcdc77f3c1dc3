from dataclasses import replace

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx.utils import tree_flatten

from shadow_mlx.data.batches import Batch
from shadow_mlx.training import losses
from shadow_mlx.training.losses import Supervised, both_losses, bucket_size, supervised


def make_batch(rows: int = 3, width: int = 16, share: float = 0.4, seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, 200, (rows, width + 1)).astype(np.int32)
    weights = (generator.random((rows, width)) < share).astype(np.float32)
    return Batch(
        tokens[:, :-1],
        tokens[:, 1:],
        weights,
        tokens=int(weights.sum()),
        global_tokens=int(weights.sum()),
        examples=np.arange(rows),
        cursor={"epoch": 0, "position": 1},
    )


def naive_losses(model, batch: Batch) -> tuple[mx.array, mx.array]:
    """Equations 8 and 9 over whole logits, in sums."""
    h, s0 = model.hidden(mx.array(batch.inputs))
    targets, weights = mx.array(batch.targets), mx.array(batch.weights)

    def summed(hidden: mx.array) -> mx.array:
        logits = model.head(hidden).astype(mx.float32)
        return (nn.losses.cross_entropy(logits, targets) * weights).sum()

    return summed(h), summed(s0)


@given(st.integers(0, 100_000))
def test_sizes_are_few_and_at_most_a_quarter_too_large(count):
    size = bucket_size(count)
    assert size >= count
    assert size <= max(16, 1.25 * count)
    assert bucket_size(size) == size


def test_number_of_sizes_is_bounded():
    assert len({bucket_size(count) for count in range(1, 8193)}) <= 4 * 10


def test_supervised_positions_are_exactly_those_with_a_weight():
    batch = make_batch()
    chosen = supervised(batch)
    kept = np.array(chosen.weights) > 0
    assert kept.sum() == batch.tokens
    assert len(kept) == bucket_size(batch.tokens)
    flat = np.flatnonzero(batch.weights.reshape(-1))
    assert np.array(chosen.positions)[kept].tolist() == flat.tolist()
    assert np.array(chosen.targets)[kept].tolist() == batch.targets.reshape(-1)[flat].tolist()


def test_a_batch_without_a_trained_token_has_loss_zero(make_model):
    """One process of several can draw only padding rows."""
    nothing = replace(make_batch(share=0.0), tokens=0)
    loss, shadow_loss = both_losses(
        make_model(), supervised(nothing), with_shadow=True, differentiable=True
    )
    assert (loss.item(), shadow_loss.item()) == (0.0, 0.0)


@pytest.mark.parametrize("rows", [5, 16, 10_000], ids=["chunks", "even chunks", "one chunk"])
@pytest.mark.parametrize("compiled", [False, True])
def test_losses_and_gradients_equal_the_naive_formula(make_model, monkeypatch, rows, compiled):
    monkeypatch.setattr(losses, "chunk_rows", lambda vocabulary: rows)
    model, batch = make_model(), make_batch()

    def chunked() -> mx.array:
        loss, shadow = both_losses(model, supervised(batch), with_shadow=True, differentiable=True)
        return loss + 0.3 * shadow

    def naive() -> mx.array:
        loss, shadow = naive_losses(model, batch)
        return loss + 0.3 * shadow

    found_of = nn.value_and_grad(model, chunked)
    if compiled:
        found_of = mx.compile(found_of, inputs=model.state, outputs=model.state)
    found, found_gradients = found_of()
    expected, expected_gradients = nn.value_and_grad(model, naive)()
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    expected_by_name = dict(tree_flatten(expected_gradients))
    for name, gradient in tree_flatten(found_gradients):
        scale = mx.abs(expected_by_name[name]).max().item()
        difference = mx.abs(gradient - expected_by_name[name]).max().item()
        assert difference <= 1e-5 * max(scale, 1.0), name


def test_scoring_equals_training_losses(make_model):
    model, batch = make_model(), supervised(make_batch())
    trained = both_losses(model, batch, with_shadow=True, differentiable=True)
    scored = both_losses(model, batch, with_shadow=True, differentiable=False)
    assert [x.item() for x in scored] == pytest.approx([x.item() for x in trained], rel=1e-6)


def test_without_the_shadow_its_head_does_not_run(make_model, monkeypatch):
    model = make_model()
    calls = []
    head = losses.head_loss
    monkeypatch.setattr(losses, "head_loss", lambda *args: calls.append(1) or head(*args))
    loss, shadow_loss = both_losses(
        model, supervised(make_batch()), with_shadow=False, differentiable=True
    )
    assert len(calls) == 1
    assert loss.item() > 0
    assert shadow_loss.item() == 0.0


def test_the_loss_is_taken_in_float32():
    """In bfloat16 a log-sum-exp over a thousand equal logits would be off by a percent."""
    count, size = 64, 1000
    table = mx.zeros((size, 8), mx.bfloat16)
    batch = Supervised(
        mx.zeros((1, count), mx.int32),
        mx.arange(count, dtype=mx.int32),
        mx.zeros(count, mx.int32),
        mx.ones(count),
    )
    hidden = mx.ones((count, 8), mx.bfloat16)
    loss = losses.head_loss(lambda h: h @ table.T, hidden, batch, True)
    assert loss.dtype == mx.float32
    assert loss.item() / count == pytest.approx(np.log(size), rel=1e-6)


def test_logits_are_never_all_alive(monkeypatch):
    """Peak memory of loss and gradient stays well under that of whole logits."""
    count, width, size = 4096, 16, 4000
    table = mx.random.normal((size, width), key=mx.random.key(0))
    hidden = mx.random.normal((count, width), key=mx.random.key(1))
    batch = Supervised(
        mx.zeros((1, count), mx.int32),
        mx.arange(count, dtype=mx.int32),
        mx.zeros(count, mx.int32),
        mx.ones(count),
    )
    mx.eval(table, hidden, batch.arrays())
    logits_bytes = 4 * count * size

    def peak(chunk_bytes: int) -> int:
        monkeypatch.setattr(losses, "LOGITS_BYTES", chunk_bytes)
        gradient = mx.grad(lambda h: losses.head_loss(lambda x: x @ table.T, h, batch, True))
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        mx.eval(gradient(hidden))
        return mx.get_peak_memory() - before

    whole = peak(logits_bytes)
    chunked = peak(logits_bytes // 32)
    assert whole > logits_bytes
    assert chunked < 0.6 * logits_bytes
