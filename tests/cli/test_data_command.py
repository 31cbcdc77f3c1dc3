"""``shadow-mlx data check`` and ``data show``, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.cli.data_facts import as_text
from shadow_mlx.cli.main import main

CHAT = {
    "messages": [
        {"role": "user", "content": "hello there"},
        {"role": "assistant", "content": "hello you"},
        {"role": "user", "content": "how are you"},
        {"role": "assistant", "content": "fine"},
    ]
}
LONG = {"messages": [{"role": "user", "content": "hello " * 60}, CHAT["messages"][1]]}


@pytest.fixture(autouse=True)
def _without_network(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHADOW_MLX_MODEL", str(tiny_backbone))


def write(path: Path, *objects: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(o) + "\n" for o in objects))
    return path


def test_check_prints_counts_and_a_histogram(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT, CHAT, LONG)
    assert main(["data", "check", str(path), "--max-seq-length", "100"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(str(path))
    for expected in ("chat", "examples         3", "assistant turns  5", "cuts 1 of 3 examples"):
        assert expected in out
    assert "1 of them down to nothing trained" in out
    assert "█" in out
    assert err.startswith("tokenizer: ")


def test_texts_with_labels_are_counted_and_shown(
    tmp_path: Path, capsys: Any, tiny_backbone: Path
) -> None:
    rows = [
        {"text": "I love it", "label": 1},
        {"text": "no", "label": 0},
        {"text": "a", "label": 1},
    ]
    path = write(tmp_path / "data.jsonl", *rows)
    model = ["--model", str(tiny_backbone)]
    assert main(["data", "check", str(path), *model]) == 0
    out = capsys.readouterr().out
    for expected in ("format           label", "labels           2 (1 to 2 examples each)"):
        assert expected in out
    assert main(["data", "check", str(path), *model, "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)["files"]
    assert facts["labels"] == {"1": 2, "0": 1}
    assert main(["data", "show", str(path), *model, "-n", "1", "--list-labels"]) == 0
    out = capsys.readouterr().out
    asked = "<|im_start|>user\nAnswer with the label of this text, one of: 0, 1.\n\nI love it"
    assert f"{asked}<|im_end|>\n<|im_start|>assistant\n[[1<|im_end|>]]" in out
    chats = write(tmp_path / "chats.jsonl", CHAT)
    assert main(["data", "check", str(chats), *model, "--list-labels"]) == 2
    assert "found no labels" in capsys.readouterr().err


def test_check_gives_figures_as_json(tmp_path: Path, capsys: Any, tiny_backbone: Path) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT, LONG)
    args = ["data", "check", str(path), "--json", "--model", str(tiny_backbone)]
    assert main([*args, "--max-seq-length", "100"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    figures = json.loads(out)
    assert figures["model"] == str(tiny_backbone)
    (facts,) = figures["files"]
    tokens = facts["tokens"]
    assert (facts["format"], facts["examples"], facts["assistant_turns"]) == ("chat", 2, 3)
    assert (tokens["cut"], tokens["cut_untrained"]) == (1, 1)
    assert sum(one["examples"] for one in tokens["histogram"]) == 2
    assert 0 < tokens["supervised_share"] < 1
    assert tokens["supervised_tokens"] / tokens["tokens"] == tokens["supervised_share"]
    assert main([*args, "--no-mask-prompt"]) == 0
    more = json.loads(capsys.readouterr().out)["files"][0]["tokens"]
    assert more["supervised_tokens"] == more["tokens"] - 2


def test_check_takes_a_folder(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / "set" / "train.jsonl", CHAT, CHAT)
    write(tmp_path / "set" / "valid.jsonl", CHAT)
    assert main(["data", "check", str(tmp_path / "set"), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [(Path(f["path"]).name, f["examples"]) for f in files] == [
        ("train.jsonl", 2),
        ("valid.jsonl", 1),
    ]


def test_check_lists_problems_and_exits_with_2(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT, *[{"text": 1}] * 30)
    assert main(["data", "check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert "problems         30" in out
    assert f"{path}:2: found 'text' is the number 1; expected text" in err
    assert "… and 10 more" in err
    assert main(["data", "check", str(path), "--json"]) == 2
    (facts,) = json.loads(capsys.readouterr().out)["files"]
    assert facts["problem_count"] == 30
    assert facts["problems"][0]["line"] == 2


def test_problems_cannot_write_to_the_terminal(tmp_path: Path, capsys: Any) -> None:
    evil = {"messages": [{"role": "\x1b[2J\u202e", "content": "x"}]}
    path = write(tmp_path / "a\x1b[31m.jsonl", evil)
    assert main(["data", "check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("empty.jsonl", b"", "an empty file"),
        ("binary.jsonl", b"\x00\x01\x02", "a binary file"),
        ("latin.jsonl", b'{"text": "\xe9"}\n', "not UTF-8"),
        ("mixed.jsonl", b'{"text": "a"}\n{"prompt": "a", "completion": "b"}\n', "mixed formats"),
    ],
)
def test_bad_files_get_one_message(
    tmp_path: Path, capsys: Any, name: str, content: bytes, found: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for action in ("check", "show"):
        if action == "show" and name == "mixed.jsonl":
            continue
        assert main(["data", action, str(path)]) == 2
        err = capsys.readouterr().err
        assert found in err
        assert "Traceback" not in err
        assert str(path) in err


def test_show_marks_what_is_trained(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT, LONG, CHAT)
    assert main(["data", "show", str(path), "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}:1 · ")
    body = out.split("\n", 1)[1].strip()
    assert body == (
        "<|im_start|>user\nhello there<|im_end|>\n"
        "<|im_start|>assistant\n[[hello you<|im_end|>]]⏹\n"
        "<|im_start|>user\nhow are you<|im_end|>\n"
        "<|im_start|>assistant\n[[fine<|im_end|>]]⏹"
    )
    assert main(["data", "show", str(path), "--line", "2"]) == 0
    out = capsys.readouterr().out
    assert f"{path}:2 · " in out
    assert f"{path}:3 · " in out
    assert f"{path}:1 · " not in out


def test_show_tells_what_is_cut_or_dropped(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT, LONG)
    assert main(["data", "show", str(path), "--max-seq-length", "60"]) == 0
    out = capsys.readouterr().out
    assert "… cut at --max-seq-length 60" in out
    assert f"{path}:2 · dropped" in out


def test_show_makes_control_characters_visible(tmp_path: Path, capsys: Any) -> None:
    evil = "a\x1b[2J\u202eb\x07"
    path = write(
        tmp_path / "chat.jsonl",
        {"messages": [{"role": "user", "content": evil}, {"role": "assistant", "content": evil}]},
    )
    assert main(["data", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "a␛[2J\\u202eb␇" in out
    assert "\x1b" not in out


def test_show_underlines_on_a_terminal(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["data", "show", str(path)]) == 0
    assert "\x1b[4;32mhello you\x1b[0m\x1b[7;32m<|im_end|>\x1b[0m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["data", "show", str(path)]) == 0
    assert "[[hello you<|im_end|>]]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["show", "{}", "--line", "9"], "the last example stands on line 1"),
        (["show", "{}", "-n", "0"], "count from 1"),
        (["check", "{}x"], "Did you mean"),
        (["check", "{}", "--max-seq-length", "1"], "--max-seq-length: must be at least 8"),
        (["check"], "required"),
        (["count", "{}"], "invalid choice"),
    ],
)
def test_usage_errors(tmp_path: Path, capsys: Any, args: list[str], message: str) -> None:
    path = write(tmp_path / "chat.jsonl", CHAT)
    assert main(["data", *(arg.replace("{}", str(path)) for arg in args)]) == 2
    assert message in capsys.readouterr().err


def test_long_numbers_stay_aligned() -> None:
    bins = [{"from": 0, "to": 999, "examples": 12000}, {"from": 1000, "to": 1999, "examples": 1}]
    tokens = {
        "histogram": bins, "tokens": 10, "mean": 5.0, "shortest": 1, "longest": 1500,
        "supervised_share": 0.5, "supervised_tokens": 5, "max_seq_length": 2048, "cut": 0,
        "cut_untrained": 0, "examples": 2, "notes": ["something"],
    }  # fmt: skip
    facts = {
        "path": "x", "format": "text", "examples": 2, "assistant_turns": 0, "bytes": 3_000_000,
        "with_tools": 0, "labels": {"a": 1, "b": 1}, "problem_count": 0, "notes": [],
        "made_of": ["made of t.csv (convert)"],
        "tokens": tokens,
    }  # fmt: skip
    lines = as_text(facts).splitlines()
    assert lines[-2].startswith("      0 –   999  ████")
    assert lines[-1] == "  1,000 – 1,999  ▏" + " " * 39 + " " + " " * 8 + "1"
    assert len(lines[-1]) == len(lines[-2])
    assert "  note             something" in lines
    assert "  note             made of t.csv (convert)" in lines
    assert "  size             3.0 MB" in lines
    assert "  labels           2 (1 example each)" in lines


def test_columns_are_named_by_flags(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "qa.jsonl", *[{"question": "how many", "answer": "two"}] * 3)
    assert main(["data", "check", str(path)]) == 2
    err = capsys.readouterr().err
    flags = ["--prompt-feature", "question", "--completion-feature", "answer"]
    assert " ".join(flags) in err
    assert err.count("found") == 1
    assert main(["data", "check", str(path), *flags]) == 0
    assert "examples         3" in capsys.readouterr().out
    assert main(["data", "show", str(path), "-n", "1", *flags]) == 0
    assert "[[two<|im_end|>" in capsys.readouterr().out
    assert main(["data", "check", str(path), *flags, "--text-feature", "answer"]) == 2
    assert "columns of different formats" in capsys.readouterr().err


def test_check_names_what_nothing_reads_and_what_is_there_twice(
    tmp_path: Path, capsys: Any
) -> None:
    write(tmp_path / "set" / "train.jsonl", {**CHAT, "id": 1}, CHAT)
    write(tmp_path / "set" / "valid.jsonl", CHAT)
    assert main(["data", "check", str(tmp_path / "set")]) == 0
    out = capsys.readouterr().out
    assert "  note             1 line has the column 'id', which nothing reads\n" in out
    assert "note             1 example repeats an earlier one (the first: line 2 is line 1" in out
    assert out.endswith("note: 1 example of valid.jsonl is in train.jsonl, too\n")
    assert main(["data", "check", str(tmp_path / "set"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    train, valid = figures["files"]
    assert (train["unread_columns"], train["repeated_examples"]) == ({"id": 1}, 1)
    assert (len(train["notes"]), valid["notes"]) == (2, [])
    overlap = {"file": "valid.jsonl", "other": "train.jsonl", "examples": 1}
    assert figures["overlaps"] == [overlap]


def test_show_names_an_array_too(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "list.json"
    path.write_text("[" + ",\n".join(json.dumps(one) for one in [CHAT, LONG]) + "]")
    for action in ("check", "show"):
        assert main(["data", action, str(path)]) == 2
        assert f"{path}: a JSON array, and training reads" in capsys.readouterr().err
