"""The check of every line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.data.checking import check_file
from shadow_mlx.data.problems import InvalidDataError
from shadow_mlx.data.splits import resolve

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
