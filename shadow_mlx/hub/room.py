"""What is in the hub's cache: its models, the room that they take, and what is free beside them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo, HFCacheInfo


def cached() -> HFCacheInfo | None:
    """All that the hub's cache holds; ``None`` where there is no cache."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        return scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return None


def models_of(cache: HFCacheInfo | None) -> list[CachedRepoInfo]:
    """Its models, by their names."""
    repos = cache.repos if cache is not None else ()
    return sorted((one for one in repos if one.repo_type == "model"), key=lambda one: one.repo_id)


def room(models: Sequence[CachedRepoInfo]) -> tuple[int, int]:
    """Bytes that these take on the disk, and bytes that are free there.

    The second is 0 where the disk does not tell.
    """
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE).absolute()
    place = next(one for one in (cache, *cache.parents) if one.exists())  # it may be still to come
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        free = 0
    return sum(one.size_on_disk for one in models), free
