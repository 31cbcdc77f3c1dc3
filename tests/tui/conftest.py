from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has its own state file and an empty working folder."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("SHADOW_MLX_STATE", str(tmp_path / "state.json"))
    monkeypatch.chdir(place)
    return place
