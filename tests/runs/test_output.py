from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow_mlx.runs import output
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.output import OutputReader


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = RunFolder(tmp_path).output
    path.parent.mkdir(parents=True)
    return path


def all_of(reader: OutputReader) -> list[str]:
    found: list[str] = []
    while lines := reader.read():
        found += lines
    return found


def test_lines_come_as_they_are_written(log: Path, tmp_path: Path) -> None:
    reader = OutputReader(tmp_path)
    assert reader.read() == []
    log.write_bytes(b"one\ntw")
    assert (reader.read(), reader.unfinished) == (["one"], "tw")
    with log.open("ab") as file:
        file.write(b"o\nthree\n")
    assert (reader.read(), reader.unfinished) == (["two", "three"], "")
    assert reader.read() == []


def test_of_progress_the_last_state_counts_and_nothing_reaches_the_terminal(
    log: Path, tmp_path: Path
) -> None:
    log.write_bytes(b" 10%\r 20%\r 30%\r\n\x1b[31mred\x07 \xff\ta\n 40%\r 50%")
    reader = OutputReader(tmp_path)
    assert reader.read() == [" 30%", "␛[31mred␇ �     a"]
    assert reader.unfinished == " 50%"


def test_a_long_log_is_read_in_blocks_and_a_very_long_one_from_its_last_part(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"line {i}" for i in range(30_000)]
    log.write_text("\n".join(lines) + "\n")
    reader = OutputReader(tmp_path)
    first = reader.read()
    assert first is not None
    assert 0 < len(first) < len(lines)
    assert first + all_of(reader) == lines
    assert reader.left_out == 0
    monkeypatch.setattr(output, "LARGEST", 1000)
    reader = OutputReader(tmp_path)
    found = all_of(reader)
    assert reader.left_out == log.stat().st_size - 1000
    assert found[1:] == lines[-len(found) + 1 :]


def test_another_log_begins_from_its_beginning(log: Path, tmp_path: Path) -> None:
    log.write_text("old one\n")
    reader = OutputReader(tmp_path)
    assert reader.read() == ["old one"]
    log.write_text("new\n")  # shorter
    assert reader.read() is None
    assert reader.read() == ["new"]


def test_what_is_no_file_has_no_lines(log: Path, tmp_path: Path) -> None:
    os.mkfifo(log)
    assert OutputReader(tmp_path).read() == []


def test_a_line_that_never_ends_does_not_fill_the_memory(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "BLOCK", 100)
    log.write_text("x" * 1000)
    reader = OutputReader(tmp_path)
    for _ in range(12):
        reader.read()
    assert reader.unfinished == "x" * 100
