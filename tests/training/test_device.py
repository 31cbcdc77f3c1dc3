import mlx.core as mx
import pytest

from shadow_mlx.training.device import (
    LEAST_CACHE,
    MOST_CACHE,
    cache_limit,
    memory_size,
    prepare_device,
)

GB = 2**30


@pytest.mark.parametrize(
    ("memory", "limit"), [(2 * GB, LEAST_CACHE), (16 * GB, 2 * GB), (512 * GB, MOST_CACHE)]
)
def test_the_cache_is_a_bounded_share_of_memory(memory, limit):
    assert cache_limit(memory) == limit


def test_the_machine_knows_its_memory():
    assert memory_size() > 2**28


def test_freed_memory_is_kept_up_to_the_limit_and_no_further(monkeypatch):
    monkeypatch.setattr("shadow_mlx.training.device.cache_limit", lambda memory: 2**20)
    before = mx.set_cache_limit(2**20)
    try:
        prepare_device()
        for size in range(1, 40):  # forty shapes, as unbounded batches would make
            mx.eval(mx.zeros((size, 64, 1024)))
        assert mx.get_cache_memory() <= 2**20
    finally:
        mx.set_cache_limit(before)
