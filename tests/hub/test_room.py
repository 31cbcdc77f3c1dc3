"""The room that fetched models take."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shadow_mlx.hub.room import cached, models_of, room
from tests.hub.test_removing import cache

__all__ = ["cache"]  # a fixture


def test_models_are_counted_and_nothing_else(cache: Path) -> None:
    models = models_of(cached())
    assert [one.repo_id for one in models] == ["owner/one", "owner/two"]
    taken, free = room(models)
    assert taken == 2000
    assert 0 < free <= shutil.disk_usage(cache).total


def test_a_cache_that_is_still_to_come_takes_nothing_on_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "a" / "b"))
    assert models_of(cached()) == []
    taken, free = room([])
    assert taken == 0
    assert 0 < free <= shutil.disk_usage(tmp_path).total


def test_a_disk_that_does_not_tell(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(path: Path) -> None:
        raise OSError(f"{path}: not supported")

    monkeypatch.setattr(shutil, "disk_usage", silent)
    assert room(models_of(cached())) == (2000, 0)
