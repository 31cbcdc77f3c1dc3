"""Files that are one JSON document instead of lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines

ROWS = [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}] * 3
LINES = [json.dumps(row) for row in ROWS]


@pytest.mark.parametrize(
    "text",
    [
        "[" + ",\n".join(LINES) + "]",
        "[" + ",\n ".join(LINES) + "]\n",
        "[\n" + ",\n".join(LINES) + "\n]",
        "[" + "\n,".join(LINES) + "]",
        "[ \n\n" + "\n,\n".join(LINES) + "\n]",
        "\ufeff\n  [" + ",\n".join(LINES) + "]",
        json.dumps(ROWS, indent=1),
        json.dumps(ROWS, indent=4),
        json.dumps(ROWS).replace("{", "{\n"),
        json.dumps(ROWS).replace(": ", ":\n"),
        json.dumps(ROWS).replace("[", "[\n"),
    ],
)
def test_an_array_is_named_as_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my data.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidDataError) as caught:
        JsonLines(path)
    (problem,) = caught.value.problems
    assert problem.found == "a JSON array: one JSON document spread over lines"
    assert "shadow-mlx data convert 'my data.json'" in problem.expected


@pytest.mark.parametrize("indent", [0, 1, 4])
def test_an_object_is_named_as_one(tmp_path: Path, indent: int) -> None:
    path = tmp_path / "data.json"
    path.write_text("\n".join(json.dumps(row, indent=indent) for row in ROWS))
    with pytest.raises(InvalidDataError, match="found one JSON document spread over lines"):
        JsonLines(path)


@pytest.mark.parametrize(
    "first", ['{"text": "a"', "{", "[1, 2]", "[]", "hello", "", "{" * 3, "\ufeff" + LINES[0]]
)
def test_a_broken_first_line_before_good_ones_is_one_line(tmp_path: Path, first: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join([first, *LINES]), encoding="utf-8")
    assert JsonLines(path)[-1].kind == "chat"


def test_a_single_line_is_read_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(ROWS))
    with pytest.raises(InvalidDataError, match="write one object a line"):
        JsonLines(path)[0]
    path.write_text(LINES[0][:-5])
    with pytest.raises(InvalidDataError, match="broken JSON"):
        JsonLines(path)[0]
