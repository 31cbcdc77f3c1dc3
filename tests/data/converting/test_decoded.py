"""Text files: the encoding that they say, places of what is wrong, lines without an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.data.converting import decoded
from shadow_mlx.data.converting.decoded import TextLines
from shadow_mlx.data.reading.problems import InvalidDataError
from tests.data.converting.sources import written


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_says_the_encoding_whatever_is_said(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "t", "ä\r\nß\rx\n".encode(encoding))
    said = "latin-1" if encoding != "utf-8" else None
    lines = TextLines(path, said)
    assert list(lines) == ["ä\r\n", "ß\r", "x\n"]
    assert (lines.number, lines.share) == (3, 1.0)
    assert list(lines) == ["ä\r\n", "ß\r", "x\n"]  # once more, from the beginning


def test_how_much_is_read(tmp_path: Path) -> None:
    lines = TextLines(written(tmp_path / "t", "x" * 99 + "\n" + "y\n" * 50_000))
    assert lines.share == 0.0
    shares = [lines.share for _ in lines]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5
    assert lines.share == 1.0


def test_a_byte_is_told_by_its_line_however_far_the_reader_was(tmp_path: Path) -> None:
    path = written(tmp_path / "t", b"a\n" * 3000 + b"ab\xffc\n" + b"d\n" * 3000)
    with pytest.raises(InvalidDataError, match=r"t:3001: found the byte 0xff at position 3"):
        list(TextLines(path))
    path = written(tmp_path / "u", "a\n".encode("utf-16") * 2 + b"\x00\xd8\x0a")
    with pytest.raises(InvalidDataError, match="bytes that are not utf-16"):
        list(TextLines(path))


def test_a_line_without_end_is_not_read_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded, "MAX_LINE", 1000)
    path = written(tmp_path / "t", "a\n" + "ä" * 50_000)
    with pytest.raises(InvalidDataError, match=r"t:2: found a line of over"):
        list(TextLines(path))
    path = written(tmp_path / "u", ("ä" * 50_000).encode() + b"\n\xff")
    with pytest.raises(InvalidDataError, match=r"u:1: found a line of over"):
        list(TextLines(path))
