"""``shadow-mlx pretrain``: ``train`` for a shadow alone, with a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.runs.settings import settings_of
from tests.training.conftest import write_chats

QUICK = ["--iters", "2", "--batch-size", "4", "--val-batches", "1", "--samples", "0"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_chats(tmp_path / "chats.jsonl")
    return tmp_path


def run(*arguments: str) -> int:
    return main([*arguments])


def test_it_writes_a_shadow_and_says_what_to_do_with_it(place, tiny_backbone, capsys):
    begin = ["pretrain", "--model", str(tiny_backbone), "--data", "chats.jsonl", *QUICK]
    assert run(*begin, "--json") == 0
    out = capsys.readouterr()
    figures = json.loads(out.out)
    assert (figures["objective"], Path(figures["adapter_path"]).name) == ("pretrain", "shadow")
    assert f"shadow-mlx train --shadow {place / 'shadow'} --data FILE" in out.err
    assert f"shadow-mlx chat --adapter-path {place / 'shadow'} --detached" in out.err
    card = (place / "shadow" / "README.md").read_text()
    assert "attached it is its backbone" in card
    assert "shadow-mlx train --shadow" in card
    assert run("info", "shadow") == 0
    told = capsys.readouterr().out
    assert "by itself: attached it is its backbone" in told
    assert "share of the backbone" in told
    task = ["train", "--data", "chats.jsonl", "--shadow", "shadow", *QUICK]
    assert run(*task) == 0  # the backbone is the shadow's own
    assert settings_of(place / "adapters").model == str(tiny_backbone)


def test_the_file_of_options_may_say_where(place, tiny_backbone):
    Path("options.yaml").write_text("adapter_path: elsewhere\naux_weight: 0.5\n")
    begin = ["pretrain", "--model", str(tiny_backbone), "--data", "chats.jsonl", *QUICK]
    assert run(*begin, "-c", "options.yaml") == 0
    settings = settings_of(place / "elsewhere")
    assert (settings.objective, settings.aux_weight) == ("pretrain", 0.5)


def test_a_run_is_resumed_for_what_it_was_begun(place, tiny_backbone, capsys):
    begin = ["--model", str(tiny_backbone), "--data", "chats.jsonl", *QUICK]
    assert run("pretrain", *begin) == 0
    assert run("train", "--resume", "--adapter-path", "shadow", "--iters", "3") == 0
    assert settings_of(place / "shadow").objective == "pretrain"
    assert run("train", *begin) == 0
    capsys.readouterr()
    assert run("pretrain", "--resume", "--adapter-path", "adapters", "--iters", "3") == 2
    assert "--objective: the run has finetune, given is pretrain" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--rank", "--sharing", "--freeze", "--init-adapter"])
def test_flags_of_tasks_are_not_there(place, flag, capsys):
    assert run("pretrain", "--data", "chats.jsonl", flag, "4") == 2
    assert f"unknown argument '{flag}'" in capsys.readouterr().err
