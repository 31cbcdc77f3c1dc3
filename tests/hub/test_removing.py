"""A model is removed from the cache, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.hub.removing import remove_model

COMMIT = "0" * 40
"""Of all of them: a copy of a repository has its commits."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in ("models--owner--one", "models--owner--two", "datasets--owner--one"):
        snapshot = tmp_path / name / "snapshots" / COMMIT
        blobs, refs = tmp_path / name / "blobs", tmp_path / name / "refs"
        for folder in (snapshot, blobs, refs):
            folder.mkdir(parents=True)
        (blobs / "b").write_bytes(b"x" * 1000)
        (snapshot / "model.safetensors").symlink_to(blobs / "b")
        (refs / "main").write_text(COMMIT)
    return tmp_path


def test_all_of_one_model_goes(cache: Path) -> None:
    assert remove_model("owner/one") == 1000
    assert {one.name for one in cache.iterdir()} >= {"models--owner--two", "datasets--owner--one"}
    for name in ("models--owner--two", "datasets--owner--one"):
        assert (cache / name / "snapshots" / COMMIT / "model.safetensors").stat().st_size == 1000
    assert not (cache / "models--owner--one").exists()


def test_what_is_not_there_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="owner/none: not in the hub's cache"):
        remove_model("owner/none")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache / "nowhere"))
    with pytest.raises(InputError, match="not in the hub's cache"):
        remove_model("owner/one")
