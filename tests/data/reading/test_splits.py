"""Reproducible splits of validated files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.splits import resolve, split_indices, validation_examples
from shadow_mlx.errors import DataError


def test_one_file_is_split_the_same_way_each_time(write_lines: Any) -> None:
    path = write_lines([{"text": str(i)} for i in range(50)])
    one, two, other = resolve(path, 0.2, 1), resolve(path, 0.2, 1), resolve(path, 0.2, 2)
    assert one.valid is not None
    assert two.valid is not None
    assert other.valid is not None
    texts = [[part[i].text for i in range(len(part))] for part in (one.train, one.valid)]
    assert (len(texts[0]), len(texts[1])) == (40, 10)
    assert sorted(texts[0] + texts[1], key=int) == [str(i) for i in range(50)]
    assert all(part == sorted(part, key=int) for part in texts)
    assert [two.valid[i].text for i in range(10)] == texts[1]
    assert [other.valid[i].text for i in range(10)] != texts[1]
    assert one.valid.line_number(0) == int(texts[1][0]) + 1
    assert one.valid.path == path
    assert "10 of 50 examples" in one.note


def test_the_split_is_the_same_on_every_machine() -> None:
    assert split_indices(12, 0.25, 7)[1].tolist() == [8, 9, 10]


@pytest.mark.parametrize(
    ("count", "fraction", "held"),
    [(1, 0.1, 0), (2, 0.1, 1), (3, 0.9, 2), (10, 0.0, 0), (100, 0.1, 10)],
)
def test_small_files_keep_an_example_for_training(count: int, fraction: float, held: int) -> None:
    kept, valid = split_indices(count, fraction, 0)
    assert (len(kept), len(valid)) == (count - held, held)


def test_a_folder_of_splits(write_lines: Any) -> None:
    train = write_lines([{"text": "a"}] * 3, "set/train.jsonl")
    write_lines([{"text": "b"}] * 2, "set/valid.jsonl")
    write_lines([{"text": "c"}], "set/test.jsonl")
    splits = resolve(train.parent)
    assert splits.valid is not None
    assert splits.test is not None
    assert [len(splits.train), len(splits.valid), len(splits.test)] == [3, 2, 1]
    assert splits.note == "validation from valid.jsonl"


def test_problems_of_all_files_come_together(write_lines: Any) -> None:
    folder = write_lines([{"text": 1}], "set/train.jsonl").parent
    write_lines([{"text": 2}], "set/valid.jsonl")
    with pytest.raises(InvalidDataError) as caught:
        resolve(folder)
    first, second = str(caught.value).splitlines()
    assert "train.jsonl:1" in first
    assert "valid.jsonl:1" in second


def test_no_validation_when_none_is_wanted(write_lines: Any) -> None:
    splits = resolve(write_lines([{"text": "a"}] * 5), 0.0)
    assert splits.valid is None
    assert len(splits.train) == 5


def test_a_json_array_tells_what_to_write_instead(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"text": "a"}]))
    with pytest.raises(DataError, match="shadow-mlx data convert"):
        resolve(path)


def test_what_stands_out_comes_with_the_data(write_lines: Any) -> None:
    train = write_lines([{"text": "a"}, {"text": "b", "id": 1}, {"text": "a"}], "set/train.jsonl")
    write_lines([{"text": "b"}, {"text": "c"}, {"text": "a"}], "set/valid.jsonl")
    write_lines([{"text": "c"}], "set/test.jsonl")
    assert resolve(train.parent).notes == (
        "train.jsonl: 1 line has the column 'id', which nothing reads",
        "train.jsonl: 1 example repeats an earlier one (the first: line 3 is line 1 again)",
        "2 examples of valid.jsonl are in train.jsonl, too",
        "1 example of test.jsonl is in valid.jsonl, too",
    )
    assert resolve(write_lines([{"text": "a"}, {"text": "b"}])).notes == ()


def test_examples_on_both_sides_of_the_split_are_counted(write_lines: Any) -> None:
    splits = resolve(write_lines([{"text": str(i % 25)} for i in range(50)]), 0.2, 1)
    assert splits.valid is not None
    train = {splits.train[i].text for i in range(len(splits.train))}
    known = sum(splits.valid[i].text in train for i in range(len(splits.valid)))
    assert known
    assert f"{known} examples of the validation part are in the training part, too" in splits.notes


def test_the_validation_examples_alone_are_the_same(write_lines: Any, tmp_path: Path) -> None:
    path = write_lines([{"text": str(i)} for i in range(50)])
    whole, alone = resolve(path, 0.2, 1).valid, validation_examples(path, 0.2, 1)
    assert whole is not None
    assert alone is not None
    assert [alone[i] for i in range(len(alone))] == [whole[i] for i in range(len(whole))]
    assert validation_examples(path, 0.0, 1) is None
