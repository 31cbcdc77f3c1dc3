"""A file as JSON Lines: whole or not at all, its mistakes together, in memory that stays small."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from shadow_mlx.config import ConvertConfig
from shadow_mlx.data.converting import convert as converting
from shadow_mlx.data.converting.convert import convert, look
from shadow_mlx.errors import InputError, SurroundingsError
from tests.data.converting.sources import converted, lines, refusal, written

PAIR = {"prompt_feature": "q", "completion_feature": "a"}


def test_mistakes_have_the_names_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", 'q,a\nx,\n"",y\nx,y\n')
    assert refusal(path, **PAIR).splitlines() == [
        f"{path}:2: found 'a' is empty; expected text",
        f"{path}:3: found 'q' is empty; expected text",
        "--skip-bad-rows leaves these 2 rows out; 1 can be used",
    ]
    made = convert(path, ConvertConfig(**PAIR, skip_bad_rows=True))
    assert (made.examples, made.format, made.kind) == (1, "completion", "csv")
    assert made.notes == (
        f"2 rows that cannot be used are left out; the first: {path}:2: found 'a' is empty; "
        "expected text",
    )
    lacking = refusal(path, prompt_feature="question", completion_feature="a")
    assert lacking == (
        f"{path}: found no column 'question'; expected columns that are there: 'q', 'a'"
    )


def test_messages_in_a_cell_are_told_by_their_column(tmp_path: Path) -> None:
    python = "[{'role': 'user', 'content': 'q'}]"  # how pandas writes lists
    path = written(tmp_path / "t.csv", f'talk\n"{python}"\n')
    said = refusal(path, chat_feature="talk")
    assert f"{path}:2: found 'talk' is " in said
    assert "expected an array of messages" in said
    half = [{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": "a"}]
    doubled = json.dumps(half).replace('"', '""')
    path = written(tmp_path / "u.csv", f'talk\n"{doubled}"\n')
    assert f"{path}:2: found half of a surrogate pair" in refusal(path, chat_feature="talk")


def test_a_file_of_no_known_columns_is_one_problem(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "question,answer\n" + "x,y\n" * 50)
    said = refusal(path)
    assert said.count(str(path)) == 1
    assert "--prompt-feature question --completion-feature answer" in said


def test_formats_are_not_mixed(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text,label\nx,y\nz,\n")
    assert f"{path}:3: found a text after examples of the format label" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("t.csv", b"", "an empty file"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.xlsx", b"PK\x03\x04", "a file of an unknown kind"),
        ("t.csv", b"PK\x03\x04", "a zip archive or an office document"),
        ("t.csv", b"\x1f\x8b\x08", "a gzip archive"),
        ("t.jsonl", b'{"text": "a"}\n', "JSON Lines, which need no conversion"),
        ("t.txt", b'{"text": "a"}\n', "JSON Lines, which need no conversion"),
    ],
)
def test_what_is_no_table_is_one_message(
    tmp_path: Path, name: str, content: bytes, found: str
) -> None:
    said = refusal(written(tmp_path / name, content))
    assert f"{tmp_path / name}: found {found}" in said
    assert "\n" not in said


def test_places_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text\nx\n")
    assert "no such file" in refusal(tmp_path / "none.csv")
    assert "a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    assert "something that is not a file" in refusal(tmp_path / "pipe.csv")
    assert "is the source itself" in refusal(path, output=str(path))
    assert "a folder" in refusal(path, output=str(tmp_path))
    made = convert(path, ConvertConfig(output=str(tmp_path / "new" / "x.jsonl")))
    assert lines(made.path) == [{"text": "x"}]
    with pytest.raises(SurroundingsError):
        convert(path, ConvertConfig(output=str(path / "x.jsonl")))


def test_a_source_that_changes_meanwhile_gives_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "t.csv", "text\n" + "x\n" * 20)
    monkeypatch.setattr(converting, "TOLD_EVERY", 5)
    with pytest.raises(InputError, match="was changed while it was read"):
        convert(
            path, ConvertConfig(), lambda share: path.write_text("text\n" + "y\n" * 30) and None
        )
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_a_look_tells_columns_and_a_guess(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "id,instruction,output,\n1,,c,\n2,do,d,\n")
    seen = look(path, ConvertConfig())
    assert (seen.kind, len(seen.rows)) == ("csv", 2)
    assert seen.columns == {"id": "1", "instruction": "do", "output": "c", "column4": ""}
    assert seen.suggested == {"prompt_feature": "instruction", "completion_feature": "output"}
    assert seen.notes == ("column 4 has no name: it is called 'column4' here",)
    with pytest.raises(InputError, match="a row of 1 cell"):
        look(written(tmp_path / "r.csv", "a,b\nc\n"), ConvertConfig())


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    """Eight megabytes; what is held is the sample, a window, or a row."""
    cell, count = "x" * 4000, 2_000
    path = tmp_path / f"t.{suffix}"
    with path.open("w") as file:
        row = json.dumps({"text": cell}) if suffix == "json" else cell
        between = ",\n" if suffix == "json" else "\n"
        file.write("[" if suffix == "json" else "text\n")
        file.write(between.join([row] * count))
        file.write("]" if suffix == "json" else "\n")
    tracemalloc.start()
    try:
        made = convert(path, ConvertConfig())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.examples == count
    assert peak < 2e6


def test_order_and_letters_stay(tmp_path: Path) -> None:
    words = ["xß", "😀", '"', "\\", "x\u2028", "\x7f", "\ufeff", "‮"]
    path = written(tmp_path / "t.json", json.dumps([{"text": word} for word in words]))
    assert [one["text"] for one in converted(path)] == words
    assert "😀".encode() in (tmp_path / "t.jsonl").read_bytes()
