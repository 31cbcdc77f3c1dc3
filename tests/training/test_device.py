import mlx.core as mx
import pytest

from shadow_mlx.training.device import (
    LEAST_CACHE,
    bound_cache,
    cache_limit,
    memory_size,
    prepare_device,
)

GB = 2**30


@pytest.mark.parametrize(("peak", "limit"), [(GB // 2, LEAST_CACHE), (20 * GB, 3 * GB)])
def test_the_cache_is_a_bounded_share_of_what_the_run_needs(peak, limit):
    assert cache_limit(peak) == limit


def test_the_machine_knows_its_memory():
    assert memory_size() > 2**28


def test_freed_memory_is_kept_up_to_the_limit_and_no_further(monkeypatch):
    monkeypatch.setattr("shadow_mlx.training.device.cache_limit", lambda peak: 2**20)
    before = mx.set_cache_limit(2**20)
    try:
        prepare_device()
        for size in range(1, 40):  # forty shapes, as unbounded batches would make
            mx.eval(mx.zeros((size, 64, 1024)))
            bound_cache()
        assert mx.get_cache_memory() <= 2**20
    finally:
        mx.set_cache_limit(before)
