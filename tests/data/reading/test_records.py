"""Files of records: access by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines

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
