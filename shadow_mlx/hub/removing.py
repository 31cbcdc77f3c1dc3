"""Models are removed from the hub's cache, whole."""

from __future__ import annotations

import dataclasses

from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.hub.room import cached, models_of


def remove_model(name: str) -> int:
    """Remove all that the cache holds of a model; returns the bytes that this frees.

    Raises:
        InputError: It is not there.
        SurroundingsError: The disk refuses.
    """
    cache = cached()
    repo = next((one for one in models_of(cache) if one.repo_id == name), None)
    if cache is None or repo is None:
        raise InputError(f"{name}: not in the hub's cache")
    # Of this repository alone: copies of it have the same commits, by which the client deletes.
    alone = dataclasses.replace(cache, repos=frozenset({repo}))
    plan = alone.delete_revisions(*(one.commit_hash for one in repo.revisions))
    plan.execute()  # what the disk refuses it only logs
    if repo.repo_path.exists():
        raise SurroundingsError(f"{repo.repo_path}: cannot be removed")
    return plan.expected_freed_size
