"""Bounds on what MLX keeps of the machine's memory while it trains."""

from __future__ import annotations

import mlx.core as mx
from mlx_lm.utils import maybe_set_recommended_wired_limit

from shadow_mlx.machine import memory_of_machine

CACHE_SHARE = 0.15
LEAST_CACHE = 128 * 2**20
WORKING_SHARE = 0.9


def cache_limit(peak_bytes: int) -> int:
    """Freed memory that MLX may keep for reuse, in bytes, beside arrays that took so much at most.

    Without a bound it grows with every new batch shape, and does not show in the peak.
    """
    return max(LEAST_CACHE, int(CACHE_SHARE * peak_bytes))


def bound_cache() -> None:
    """Keep as much freed memory as this run's peak is worth."""
    mx.set_cache_limit(cache_limit(mx.get_peak_memory()))


def memory_size() -> int:
    """Memory of the device that trains, in bytes."""
    size = mx.device_info().get("memory_size")
    return int(size) if size else memory_of_machine()


def working_memory() -> int:
    """Bytes that one process may use before the machine slows down: the device says, or 90 %."""
    recommended = mx.device_info().get("max_recommended_working_set_size")
    return int(recommended) if recommended else int(WORKING_SHARE * memory_size())


def prepare_device() -> None:
    """Set the bounds and count the peak from here."""
    maybe_set_recommended_wired_limit()
    mx.reset_peak_memory()
    bound_cache()
