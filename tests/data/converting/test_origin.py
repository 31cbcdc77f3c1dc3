"""Where files came from, and which of them are ours to write anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.config import ConvertConfig
from shadow_mlx.data.converting.convert import convert
from shadow_mlx.data.converting.origin import (
    check_free,
    digest,
    is_ours,
    origin_path,
    read_origin,
)
from shadow_mlx.errors import InputError
from tests.data.converting.sources import written


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return written(tmp_path / "t.csv", "q,a,id\nx,y,1\nx2,y2,2\n")


OPTIONS = ConvertConfig(prompt_feature="q", completion_feature="a")


def test_a_converted_file_says_where_it_came_from(table: Path) -> None:
    made = convert(table, OPTIONS).path
    known = read_origin(made)
    assert known is not None
    assert (known.source, known.source_bytes) == ("t.csv", table.stat().st_size)
    assert (known.source_sha256, known.sha256) == (digest(table), digest(made))
    assert known.examples == 2
    assert known.options == {"prompt-feature": "q", "completion-feature": "a"}
    assert known.sentences() == [
        "made of t.csv (convert: completion-feature a, prompt-feature q)",
        "column that is left out: 'id'",
    ]


def test_what_is_as_we_wrote_it_is_written_anew(table: Path) -> None:
    made = convert(table, OPTIONS).path
    first = made.read_bytes()
    table.write_text("q,a\nz,w\n")
    assert convert(table, OPTIONS).path == made
    assert made.read_bytes() != first
    assert is_ours(made)


@pytest.mark.parametrize("damage", ["changed", "alone", "no json", "other fields"])
def test_what_is_not_ours_stays(table: Path, damage: str) -> None:
    made = convert(table, OPTIONS).path
    beside = origin_path(made)
    if damage == "changed":
        made.write_text('{"text": "mine"}\n')
    elif damage == "alone":
        beside.unlink()
    else:
        beside.write_text("{" if damage == "no json" else '{"sha256": 1}')
    before = made.read_bytes()
    with pytest.raises(InputError, match="--output"):
        convert(table, OPTIONS)
    assert made.read_bytes() == before


def test_links_are_not_followed(table: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.jsonl", "mine")
    (tmp_path / "t.jsonl").symlink_to(other)
    with pytest.raises(InputError, match="is there already"):
        convert(table, OPTIONS)
    (tmp_path / "t.jsonl").unlink()
    (tmp_path / "t.jsonl.origin").symlink_to(other)
    with pytest.raises(InputError, match="is no file of this program"):
        convert(table, OPTIONS)
    assert other.read_text() == "mine"
    with pytest.raises(InputError, match="a folder"):
        check_free(tmp_path)
