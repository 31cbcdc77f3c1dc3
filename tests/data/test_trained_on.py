"""The data of a run, by its record."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.trained_on import columns_of, held_out_file, training_file
from tests.runs.fake_run import write_story


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_columns_of_a_run_belong_to_its_own_data(place: Path) -> None:
    (place / "qa.jsonl").write_text('{"question": "a", "answer": "b"}\n')
    named = {"prompt_feature": "question", "completion_feature": "answer"}
    folder = write_story(place / "mine", [], {"data": "qa.jsonl", **named})
    assert columns_of(str(folder), "qa.jsonl") == named
    assert columns_of(str(folder), "other.jsonl") == {}
    assert columns_of(str(place), "qa.jsonl") == {}


def test_the_file_that_was_trained_on_with_its_columns(place: Path) -> None:
    (place / "mine.jsonl").write_text('{"t": "a", "l": "b"}\n')
    named = {"text_feature": "t", "label_feature": "l"}
    folder = write_story(place / "mine", [], {"data": "mine.jsonl", **named})
    assert training_file(folder) == (Path("mine.jsonl"), ColumnConfig(**named))
    (place / "mine.jsonl").unlink()
    assert training_file(folder) is None
    assert training_file(place / "nothing") is None


def test_the_file_to_measure_on_is_one_that_was_not_trained_on(place: Path) -> None:
    folder = write_story(place / "mine", [], {"data": "d"})
    assert held_out_file(folder) is None
    (place / "d").mkdir()
    for name in ("train", "valid", "test"):
        (place / "d" / f"{name}.jsonl").touch()
        assert held_out_file(folder) == f"d/{name}.jsonl"
    assert held_out_file(place / "nothing") is None
