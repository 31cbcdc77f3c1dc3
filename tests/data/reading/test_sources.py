"""From ``--data`` to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import shadow_mlx.hub.resolving
from shadow_mlx.data.reading.sources import DataFiles, locate, split_files
from shadow_mlx.errors import DataError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")


def test_one_file(tmp_path: Path) -> None:
    touch(tmp_path / "chat.jsonl")
    assert locate(tmp_path / "chat.jsonl") == DataFiles(tmp_path / "chat.jsonl")


def test_a_split_has_the_others_beside_it(tmp_path: Path) -> None:
    names = ("dev.jsonl", "test.json", "train.jsonl")
    touch(*(tmp_path / name for name in (*names, "mine.jsonl", "test.txt")))
    for name in names:
        assert split_files(tmp_path / name) == [tmp_path / one for one in names]
    assert split_files(tmp_path / "mine.jsonl") == [tmp_path / "mine.jsonl"]


def test_a_folder_with_other_names_for_validation(tmp_path: Path) -> None:
    touch(tmp_path / "train.jsonl", tmp_path / "validation.jsonl", tmp_path / "notes.jsonl")
    files = locate(tmp_path)
    assert files.valid == tmp_path / "validation.jsonl"
    assert list(files) == [tmp_path / "train.jsonl", tmp_path / "validation.jsonl"]


def test_a_folder_with_a_single_file(tmp_path: Path) -> None:
    touch(tmp_path / "anything.jsonl")
    assert locate(tmp_path).train == tmp_path / "anything.jsonl"


def test_a_folder_without_training_file_lists_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.jsonl file at all"):
        locate(tmp_path)
    touch(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    with pytest.raises(DataError, match=r"Found a\.jsonl, b\.jsonl"):
        locate(tmp_path)


def test_a_wrong_name_gets_a_suggestion(tmp_path: Path) -> None:
    touch(tmp_path / "chat.jsonl")
    with pytest.raises(DataError, match=r"Did you mean .*chat\.jsonl"):
        locate(tmp_path / "chats.jsonl")
    with pytest.raises(DataError, match="There is no folder"):
        locate(tmp_path / "no" / "chat.jsonl")


def test_what_can_be_no_path_is_one_message() -> None:
    with pytest.raises(DataError, match="File name too long"):
        locate('{"messages": []}' * 100)


def test_a_misspelt_path_is_not_asked_of_the_hub(tmp_path: Path, monkeypatch: Any) -> None:
    touch(tmp_path / "data" / "chat.jsonl")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="Did you mean"):
        locate("data/chat")


def test_a_hub_id_is_fetched(tmp_path: Path, monkeypatch: Any) -> None:
    touch(tmp_path / "set" / "train.jsonl")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shadow_mlx.hub.resolving, "resolve_dataset", lambda name: tmp_path / "set")
    assert locate("someone/chats").train == tmp_path / "set" / "train.jsonl"
