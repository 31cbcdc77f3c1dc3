"""Names, notes and marks of runs: kept with the run, read from whatever lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.runs.belongings import is_own_run, own_paths
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.labels import Labels, labels_changed, labels_of, relabel
from shadow_mlx.runs.listing import summarise
from shadow_mlx.runs.trash import Trash
from tests.runs.fake_run import story, write_story


def test_each_label_is_changed_by_itself_and_the_last_one_takes_the_file_along(
    tmp_path: Path,
) -> None:
    folder = write_story(tmp_path, story(20))
    assert labels_of(folder) == Labels()
    assert labels_changed(folder) == 0
    relabel(folder, name="the  best\none")
    relabel(folder, note="with λ 0.3")
    assert relabel(folder, marked=True) == Labels("the best one", "with λ 0.3", marked=True)
    assert (
        labels_of(folder) == summarise(folder).labels == Labels("the best one", "with λ 0.3", True)
    )
    assert labels_changed(folder) > 0
    relabel(folder, name="", marked=False)
    assert labels_of(folder) == Labels(note="with λ 0.3")
    relabel(folder, note=" ")
    assert not RunFolder(folder).labels.exists()


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"", Labels()),
        (b"[]", Labels()),
        (b"\xff\x00", Labels()),
        (b'{"name": 3, "note": "n", "marked": "yes"}', Labels(note="n")),
        (b'{"name": "\\ud800", "marked": true}', Labels(marked=True)),
        (b'{"name": "%s"}' % (b"x" * 99), Labels("x" * 60)),
        (b"[" * 70_000, Labels()),
    ],
    ids=["empty", "list", "binary", "types", "surrogate", "long", "deep"],
)
def test_a_damaged_file_labels_as_far_as_it_goes(
    tmp_path: Path, content: bytes, labels: Labels
) -> None:
    folder = write_story(tmp_path, story(20))
    RunFolder(folder).labels.write_bytes(content)
    assert labels_of(folder) == labels
    assert relabel(folder, note="new").note == "new"


def test_what_cannot_be_labelled_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run in this folder"):
        relabel(tmp_path, name="x")
    folder = write_story(tmp_path / "mine", story(20))
    with pytest.raises(InputError, match="--name: 61 characters; at most 60 fit"):
        relabel(folder, name="x" * 61)
    assert labels_of(tmp_path / "a\0b") == Labels()


def test_the_labels_belong_to_the_run(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "mine", story(20))
    config = RunFolder(folder).config
    config.write_text("adapter_path: mine\naux_weight: 1\nsharing: depth\n")
    relabel(folder, name="mine")
    assert is_own_run(RunFolder(folder))
    assert RunFolder(folder).labels in own_paths(RunFolder(folder))
    Trash().discard(folder)
    assert not folder.exists()
