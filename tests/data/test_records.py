"""Files of records: access by line, the check of every line, reproducible splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.data.problems import InvalidDataError
from shadow_mlx.data.records import JsonLines, check_file, resolve, split_indices
from shadow_mlx.errors import DataError

CHAT = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}


def test_random_access_with_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n\r\n  \n{"text": "b"}\n{"text": "c"}')
    source = JsonLines(path)
    assert [record.text for record in source] == ["a", "b", "c"]
    assert [source.line_number(i) for i in range(3)] == [1, 4, 5]
    assert source[2].line == 5
    assert source[-1].text == "c"
    with pytest.raises(IndexError):
        source[3]
    source.lines.close()


def test_a_bad_line_names_its_place(write_lines: Any) -> None:
    path = write_lines([CHAT, {"text": 1}])
    with pytest.raises(InvalidDataError, match=r"data\.jsonl:2: found 'text' is the number 1"):
        JsonLines(path)[1]


def test_a_line_of_50_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "' + b"x" * 50_000_000 + b'"}\n{"text": "b"}\n')
    report = check_file(path)
    assert report.records == 2
    assert "data.jsonl:2: found one line of 50.0 MB" in str(report.problems[0])
    path.unlink()  # pytest keeps its folders for a while


def test_a_good_file_is_counted(write_lines: Any) -> None:
    report = check_file(write_lines([CHAT, {**CHAT, "tools": [{"name": "x"}]}]))
    assert report.problem_count == 0
    assert (report.kind, report.records, report.turns, report.tool_records) == ("chat", 2, 2, 1)
    assert report.file_bytes > 100


def test_all_problems_are_found_and_the_first_twenty_shown(write_lines: Any) -> None:
    path = write_lines([CHAT, *[{"text": i} for i in range(1100)], CHAT])
    report = check_file(path)
    assert (report.records, report.problem_count, len(report.problems)) == (2, 1100, 1000)
    with pytest.raises(InvalidDataError) as caught:
        resolve(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[0].startswith(f"{path}:2: ")
    assert lines[-1] == "… and 1,080 more"


def test_mixed_formats_name_the_first_line_of_each(write_lines: Any) -> None:
    report = check_file(write_lines([CHAT, CHAT, {"text": "a"}, {"text": "b"}]))
    assert report.problem_count == 1
    assert "mixed formats: chat (first on line 1) and text (first on line 3)" in str(
        report.problems[0]
    )


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_what_is_no_file_is_a_problem(tmp_path: Path, name: str) -> None:
    report = check_file(tmp_path / name)
    assert report.problem_count == 1
    assert report.kind is None


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


@pytest.mark.parametrize("document", [[{"text": "a"}, {"text": "b"}], {"text": "a"}])
def test_one_json_document_over_many_lines_is_one_problem(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(document, indent=1))
    report = check_file(path)
    assert report.problem_count == 1
    assert "one JSON document spread over lines" in str(report.problems[0])


def test_a_json_array_tells_what_to_write_instead(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"text": "a"}]))
    with pytest.raises(DataError, match="write one object a line"):
        resolve(path)
