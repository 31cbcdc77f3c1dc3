"""The pages look as the committed pictures do."""

from __future__ import annotations

import pytest

from tests.tui import snapshots


@pytest.mark.parametrize("size", snapshots.SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", snapshots.SCENES)
def test_a_page_looks_as_it_did(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.stage(monkeypatch)
    problem = snapshots.difference(name, size, snapshots.drawn(name, size))
    assert not problem, problem


def test_there_is_no_picture_without_a_page() -> None:
    expected = {
        snapshots.file_of(name, size) for name in snapshots.SCENES for size in snapshots.SIZES
    }
    assert set(snapshots.FOLDER.glob("*.svg")) == expected


def test_a_difference_is_told_by_its_text() -> None:
    name, size = "home-newcomer", snapshots.SIZES[0]
    svg = snapshots.file_of(name, size).read_text(encoding="utf-8")
    assert snapshots.difference(name, size, svg) == ""
    other = svg.replace("Two", "Twelve", 1)
    problem = snapshots.difference(name, size, other)
    assert "snapshots/home-newcomer-80x24.svg differs" in problem
    assert any(line.startswith("+") and "Twelve" in line for line in problem.splitlines())
