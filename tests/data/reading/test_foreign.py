"""Which files have to be converted, by their names and beginnings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shadow_mlx.data.reading.foreign import convert_command, foreign_kind
from shadow_mlx.data.reading.sources import files_of, locate
from shadow_mlx.errors import DataError

LINE = b'{"text": "a"}\n'
ARRAY = json.dumps([{"text": "\u00e9" * 9}] * 5000).encode()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("t.csv", b"a,b\n", "csv"),
        ("T.CSV", b"", "csv"),
        ("t.tsv", b"a\tb\n", "tsv"),
        ("t.md", b"# a\n", "markdown"),
        ("t.txt", b"a", "text"),
        ("t.parquet", b"no", "parquet"),
        ("t.jsonl", b"PAR1", "parquet"),
        ("t.json", b' [\n{"text": "a"}\n]', "json"),
        ("t.json", ARRAY, "json"),
        ("t.json", ARRAY.decode().encode("utf-16"), "json"),
        ("t.jsonl", b'\xef\xbb\xbf[{"text": "a"}]', "json"),
        ("t.json", b"[1, 2]\n" + LINE, None),
        ("t.json", LINE, None),
        ("t.json", b'{\n"text": "a"}', None),
        ("t.txt", LINE, None),
        ("t.txt", b'{"text": "' + b"x" * 100_000 + b'"}', None),
        ("t.csv", b"\n" + LINE, None),
        ("t.jsonl", b"", None),
        ("t.dat", b"a,b\n", None),
        ("t.jsonl", b"\xff\xfe\x00", None),
    ],
)
def test_kinds(tmp_path: Path, name: str, content: bytes, kind: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert foreign_kind(path) == kind
    if kind is None:
        assert files_of(str(path)) == [path]
    else:
        with pytest.raises(DataError, match="shadow-mlx data convert"):
            locate(path)


def test_what_is_not_there_or_no_file_is_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert foreign_kind(tmp_path / "pipe.csv") is None
    assert foreign_kind(tmp_path / "none.csv") is None
    assert foreign_kind(tmp_path) is None


def test_the_command_is_as_a_person_types_it_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.csv").write_text("x")
    assert convert_command(tmp_path / "a b.csv") == "shadow-mlx data convert 'a b.csv'"


def test_a_folder_names_its_table_and_no_document(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# a")
    with pytest.raises(DataError) as caught:
        locate(tmp_path)
    assert "convert" not in str(caught.value)
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"t\.csv is a CSV table"):
        locate(tmp_path)
    (tmp_path / "train.json").write_bytes(ARRAY)
    with pytest.raises(DataError, match=r"train\.json: a JSON array"):
        locate(tmp_path)
