import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.training import losses
from shadow_mlx.training.losses import Supervised, bucket_size, supervised
from tests.training.batches import make_batch


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


def all_trained(count: int) -> Supervised:
    zeros, ones = mx.zeros(count, mx.int32), mx.ones(count)
    return Supervised(zeros[None], mx.arange(count, dtype=mx.int32), zeros, ones, ones)


def test_the_loss_is_taken_in_float32():
    """In bfloat16 a log-sum-exp over a thousand equal logits would be off by a percent."""
    count, size = 64, 1000
    table = mx.zeros((size, 8), mx.bfloat16)
    batch = all_trained(count)
    hidden = mx.ones((count, 8), mx.bfloat16)
    loss = losses.head_loss(lambda h: h @ table.T, hidden, batch, True)
    assert loss.dtype == mx.float32
    assert loss.item() / count == pytest.approx(np.log(size), rel=1e-6)


def test_logits_are_never_all_alive(monkeypatch):
    """Peak memory of loss and gradient stays well under that of whole logits."""
    count, width, size = 4096, 16, 4000
    table = mx.random.normal((size, width), key=mx.random.key(0))
    hidden = mx.random.normal((count, width), key=mx.random.key(1))
    batch = all_trained(count)
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
