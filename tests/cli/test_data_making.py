"""``shadow-mlx data convert``, ``split``, ``sample`` and ``shuffle``, as a person runs them."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.cli.data_making import _Shares
from shadow_mlx.cli.main import main

TABLE = "id,question,answer\n" + "".join(f'{i},"what, {i}?",answer {i}\n' for i in range(40))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my table.csv"
    path.write_text(TABLE)
    return path


def test_training_on_a_table_says_what_to_do_and_that_does_it(table: Path, capsys: Any) -> None:
    assert main(["train", "--data", "my table.csv", "--model", "sprout"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 2  # the data are being checked; what is wrong
    assert "my table.csv: a CSV table, and training reads JSON Lines" in said
    command = said[said.index("shadow-mlx data") :].split(" writes")[0]
    assert shlex.split(command) == ["shadow-mlx", "data", "convert", "my table.csv"]
    assert main(shlex.split(command)[1:]) == 2
    said = capsys.readouterr().err
    flags = "--prompt-feature question --completion-feature answer"
    assert flags in said
    assert main(["data", "convert", "my table.csv", *flags.split()]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "my table.jsonl: 40 examples (completion) from my table.csv",
        "note: column that is left out: 'id'",
        "shadow-mlx train --data 'my table.jsonl'",
    ]
    assert err == ""
    first = json.loads((table.parent / "my table.jsonl").read_text().splitlines()[0])
    assert first == {"prompt": "what, 0?", "completion": "answer 0"}


def test_a_folder_of_tables_says_what_to_do(table: Path, capsys: Any) -> None:
    assert main(["train", "--data", ".", "--model", "sprout"]) == 2
    assert "shadow-mlx data convert 'my table.csv' writes them" in capsys.readouterr().err


def test_figures_as_json(table: Path, capsys: Any) -> None:
    columns = ["--text-feature", "question", "--output", "x.jsonl"]
    assert main(["data", "convert", str(table), *columns, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == {
        "action": "convert",
        "path": "x.jsonl",
        "source": str(table),
        "kind": "csv",
        "format": "text",
        "examples": 40,
        "notes": ["columns that are left out: 'id', 'answer'"],
    }
    assert main(["data", "split", "x.jsonl", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["examples"] == {"train.jsonl": 32, "valid.jsonl": 4, "test.jsonl": 4}


def test_parts_and_how_to_train_on_them(table: Path, tmp_path: Path, capsys: Any) -> None:
    lines = [json.dumps({"my q": f"what {i}?", "a": "x"}) for i in range(40)]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    columns = ["--prompt-feature", "my q", "--completion-feature", "a"]
    assert main(["data", "split", "all.jsonl", *columns, "--test-fraction", "0"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "all-split: train.jsonl 36, valid.jsonl 4 from all.jsonl",
        "shadow-mlx train --data all-split --prompt-feature 'my q' --completion-feature a",
    ]
    assert main(["data", "sample", "all.jsonl", *columns, "-n", "1"]) == 0
    assert "all-sample-1.jsonl: 1 example from all.jsonl" in capsys.readouterr().out
    assert main(["data", "shuffle", "all.jsonl", *columns, "--seed", "3"]) == 0
    assert "all-shuffled.jsonl: 40 examples from all.jsonl" in capsys.readouterr().out
    assert main(["data", "shuffle", "all.jsonl"]) == 2
    assert "name the columns" in capsys.readouterr().err


def test_nothing_of_a_table_writes_to_the_terminal(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "a\x1b[31m.csv"
    path.write_text("\x1b[2Ja,b\x1b]0;x\x07\n1,2\n")
    assert main(["data", "convert", str(path)]) == 2
    assert main(["data", "convert", str(path), "--text-feature", "\x1b[2Ja"]) == 0
    assert main(["data", "convert", str(path), "--encoding", "rot13"]) == 2
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "no encoding of texts" in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_alone() -> None:
    for stream in (Terminal(), io.StringIO()):
        with _Shares("t\x1b.csv", stream) as told:
            told(0.25)
            told(0.5)
        drawn = stream.getvalue()
        assert ("50%" in drawn) == stream.isatty()
        assert "\x1b." not in drawn
