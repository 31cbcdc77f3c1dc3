"""Discarded runs come back whole, and go for good at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.runs import trash
from shadow_mlx.runs.labels import relabel
from shadow_mlx.runs.listing import find_runs
from shadow_mlx.runs.trash import Trash
from tests.runs.fake_run import story, write_story


def tree(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A run with an adapter, a checkpoint and a label."""
    folder = write_story(tmp_path / "mine", story(100))
    for place in (folder, folder / "run" / "checkpoints" / "step-000100"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "adapter_config.json").write_text('{"shadow_mlx": {}}')
        (place / "adapter_model.safetensors").write_bytes(b"")
    (folder / "run" / "output.log").write_text("said")
    relabel(folder, name="mine")
    return folder


def test_a_run_goes_and_comes_back(tmp_path: Path, mine: Path) -> None:
    before, bin = tree(mine), Trash()
    bin.discard(mine)
    assert not mine.exists()
    assert find_runs((), tmp_path) == []
    assert (len(bin), bin.last) == (1, mine.resolve())
    assert bin.undo() == mine.resolve()
    assert tree(mine) == before
    assert list(tmp_path.iterdir()) == [mine]
    with pytest.raises(InputError, match="nothing was discarded"):
        bin.undo()


def test_at_the_end_nothing_is_left(tmp_path: Path, mine: Path) -> None:
    bin = Trash()
    bin.discard(mine)
    bin.discard(write_story(tmp_path / "other", story(20)))
    bin.empty()
    assert (list(tmp_path.iterdir()), len(bin)) == ([], 0)


def test_what_others_put_there_stays(tmp_path: Path, mine: Path) -> None:
    (mine / "notes.txt").write_text("precious")
    (mine / "run" / "checkpoints" / "step-000100" / "theirs.txt").write_text("precious too")
    bin = Trash()
    bin.discard(mine)
    bin.empty()
    kept = tree(mine)
    assert kept["notes.txt"] == b"precious"
    assert kept["run/checkpoints/step-000100/theirs.txt"] == b"precious too"
    assert "adapter_config.json" not in kept


def test_it_does_not_come_back_over_something_else(mine: Path) -> None:
    bin = Trash()
    bin.discard(mine)
    write_story(mine, story(20))
    with pytest.raises(InputError, match="something else lies there by now"):
        bin.undo()
    assert len(bin) == 1


def test_a_run_at_work_is_refused(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shadow_mlx.runs.belongings.is_live", lambda folder: True)
    before, bin = tree(mine), Trash()
    with pytest.raises(InputError, match="still at work"):
        bin.discard(mine)
    assert (tree(mine), len(bin)) == (before, 0)


def test_where_the_disk_refuses_the_run_is_where_it_was(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename, count = tree(mine), Path.rename, 0

    def failing(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(SurroundingsError, match="cannot move the run"):
        Trash().discard(mine)
    assert tree(mine) == before


def test_what_a_killed_program_left_is_removed(
    tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".shadow-mlx-discarded-99999999-1"
    living = tmp_path / ".shadow-mlx-discarded-12-1"
    left.mkdir()
    living.mkdir()
    monkeypatch.setattr(trash, "lives", lambda number: number == 12)
    Trash().discard(mine)
    assert (left.exists(), living.exists()) == (False, True)
