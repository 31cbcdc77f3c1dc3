"""Files of lines: whole or not at all, with where they came from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shadow_mlx.config import ConvertConfig, SampleConfig
from shadow_mlx.data.converting.origin import Source, is_ours, read_origin
from shadow_mlx.data.converting.writing import new_lines, said
from tests.data.converting.sources import written


def test_a_file_appears_with_its_origin(tmp_path: Path) -> None:
    source = Source.of(written(tmp_path / "s", "source"))
    notes: list[str] = []
    with new_lines(tmp_path / "t", source, "convert", {"a": 1}, notes) as lines:
        lines.write(b"one")
        lines.write(b"two")
        notes.append("said at the end")
        assert not (tmp_path / "t").exists()
    assert (tmp_path / "t").read_bytes() == b"one\ntwo\n"
    known = read_origin(tmp_path / "t")
    assert known is not None
    assert known.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert (known.examples, known.options, known.notes) == (
        2,
        {"a": "1"},
        {"001": "said at the end"},
    )
    assert is_ours(tmp_path / "t")


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    source = Source.of(written(tmp_path / "s", "source"))

    def break_off() -> None:
        with new_lines(tmp_path / "t", source, "x", {}) as lines:
            lines.write(b"one")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert [file.name for file in tmp_path.iterdir()] == ["s"]


def test_options_are_said_that_are_not_as_by_default() -> None:
    options = ConvertConfig(text_feature="a", header=False, output="x.jsonl")
    assert said(options) == {"text-feature": "a", "header": False}
    assert said(SampleConfig(examples=100)) == {}
