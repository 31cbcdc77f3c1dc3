"""The check of every line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.checking import check_file
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.splits import resolve

CHAT = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}


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


@pytest.mark.parametrize("document", [[{"text": "a"}, {"text": "b"}], {"text": "a"}])
def test_one_json_document_over_many_lines_is_one_problem(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(document, indent=1))
    report = check_file(path)
    assert report.problem_count == 1
    assert "one JSON document spread over lines" in str(report.problems[0])


def test_what_is_read_by_nothing_is_counted(write_lines: Any) -> None:
    rows = [{**CHAT, "id": i, "source": "web" if i else None} for i in range(3)]
    answer = {"role": "assistant", "content": "a", "loss": False, "score": 1, "thinking": "hm"}
    odd = {"messages": [CHAT["messages"][0], answer, CHAT["messages"][0]]}
    report = check_file(write_lines([*rows, odd]))
    assert report.problem_count == 0
    assert report.unread == {"id": 3, "source": 2}
    assert report.message_keys == {"score": 1}
    assert report.notes() == [
        "3 lines have the column 'id', which nothing reads",
        "2 lines have the column 'source', which nothing reads",
        "1 answer has a reasoning beside its words",
        "1 answer is marked as not to be trained: it is shown to the model only",
        "1 message after the last answer of a conversation is neither trained nor shown",
        "2 examples repeat earlier ones (the first: line 2 is line 1 again)",
    ]


def test_a_good_file_has_no_notes(write_lines: Any) -> None:
    report = check_file(write_lines([CHAT, {"messages": [*CHAT["messages"], *CHAT["messages"]]}]))
    assert report.notes() == []


def test_many_unread_columns_are_told_in_few_words(write_lines: Any) -> None:
    path = write_lines(
        [{"text": str(i), **{f"column{i}{k}": 1 for k in range(300)}} for i in range(9)]
    )
    report = check_file(path)
    assert len(report.unread) == 1000
    notes = report.notes()
    assert len(notes) == 11
    assert notes[-1] == "990 more columns that nothing reads"


def test_a_prompt_column_that_is_nowhere_is_named(write_lines: Any) -> None:
    columns = ColumnConfig(prompt_feature="instruction,inptu", completion_feature="output")
    rows = [{"instruction": str(i), "input": "x", "output": "y"} for i in range(3)]
    assert check_file(write_lines(rows), columns).notes() == [
        "3 lines have the column 'input', which nothing reads",
        "no line has the column 'inptu', which --prompt-feature names",
    ]
    seldom = write_lines([*rows, {"instruction": "a", "inptu": "b", "output": "c"}])
    assert len(check_file(seldom, columns).notes()) == 1


def test_the_answer_to_preferences_is_one_problem(write_lines: Any) -> None:
    path = write_lines([{"prompt": "a", "chosen": "b", "rejected": "c"}] * 30)
    report = check_file(path)
    assert report.problem_count == 1
    assert "preferences are not trained here" in report.problems[0].expected
    columns = ColumnConfig(prompt_feature="prompt", completion_feature="chosen")
    assert check_file(path, columns).unread == {"rejected": 30}


def test_marks_inside_a_file_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "joined.jsonl"
    line = b"\xef\xbb\xbf" + json.dumps(CHAT).encode() + b"\n"
    path.write_bytes(line + b"\xef\xbb\xbf\n" + line)
    report = check_file(path)
    assert (report.records, report.problem_count) == (2, 0)
