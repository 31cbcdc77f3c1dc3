"""Byte offsets of lines: the same lines that splitting the file in memory gives."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.data.reading import lines as lines_module
from shadow_mlx.data.reading.lines import LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError

pieces = st.sampled_from(
    [
        *(b"{}", b"x", b" y ", b"\t", b" ", b"\r\n", b"\n", b"\n", b"\r", b"a\x0bb"),
        *("é\u2028ü".encode(), b"\xef\xbb\xbf", b"\n\xef\xbb\xbf", "ï".encode()),
    ]
)


def expected(content: bytes) -> list[tuple[int, bytes]]:
    blank = " \t\r\v\f"
    stripped = [
        line.decode().lstrip(blank + "\ufeff").rstrip(blank).encode()
        for line in content.split(b"\n")
    ]
    return [(n, line) for n, line in enumerate(stripped, 1) if line]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mark=st.booleans(), parts=st.lists(pieces, max_size=40), chunk=st.integers(1, 9))
def test_lines_are_those_of_the_file(
    tmp_path: Path, monkeypatch: Any, mark: bool, parts: list[bytes], chunk: int
) -> None:
    monkeypatch.setattr(lines_module, "CHUNK", chunk)
    content = (b"\xef\xbb\xbf" if mark else b"") + b"".join(parts)
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    if not expected(content):
        with pytest.raises(InvalidDataError, match=r"empty file|only blank lines"):
            LineIndex(path)
        return
    index = LineIndex(path)
    found = [(int(index.numbers[i]), index.read(i)) for i in range(len(index))]
    assert found == expected(content)
    index.close()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf\n \n", "only blank lines"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"PAR1\x15\x04", "a Parquet file"),
        ("{}".encode("utf-16"), "UTF-16 text"),
        (b"\x7fELF\x00\x01", "a binary file"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidDataError) as caught:
        LineIndex(path)
    assert f"{path}: found {found}" in str(caught.value)


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="found a folder"):
        LineIndex(tmp_path)
    with pytest.raises(InvalidDataError, match="found no such file"):
        LineIndex(tmp_path / "no.jsonl")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidDataError, match="not a file"):
        LineIndex(tmp_path / "pipe")


def test_a_large_file_stays_on_disk(tmp_path: Path) -> None:
    """60 MB of short lines: indexed in a moment, and only the offsets stay in memory."""
    path = tmp_path / "large.jsonl"
    line = b'{"text": "' + b"x" * 107 + b'"}\n'
    with path.open("wb") as file:
        for _ in range(500):
            file.write(line * 1000)
    start = time.process_time()
    index = LineIndex(path)
    seconds = time.process_time() - start
    assert len(index) == 500_000
    assert index.read(499_999) == line.strip()
    assert sum(a.nbytes for a in (index.starts, index.ends, index.numbers)) == 24 * 500_000
    assert 60 / seconds > 40, f"only {60 / seconds:.0f} MB a second"  # hundreds when idle
    index.close()
    path.unlink()  # pytest keeps its folders for a while
