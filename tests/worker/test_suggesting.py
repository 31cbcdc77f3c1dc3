"""Questions to begin with are of the run's own validation examples, and of no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shadow_mlx.config import TrainConfig
from shadow_mlx.config.yaml_file import to_yaml
from shadow_mlx.data.reading.splits import resolve
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker import suggesting
from shadow_mlx.worker.suggesting import LONGEST, questions


def run_on(folder: Path, data: Path, **settings: Any) -> Path:
    (folder / "run").mkdir(parents=True)
    config = TrainConfig.from_mapping({"data": str(data), **settings})
    (folder / "run" / "config.yaml").write_text(to_yaml(config.to_mapping()))
    return folder


def chats(path: Path, *asked: Any) -> Path:
    lines = [
        {"messages": [{"role": "user", "content": one}, {"role": "assistant", "content": "a"}]}
        for one in asked
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def test_they_are_validation_examples(tmp_path: Path) -> None:
    data = chats(tmp_path / "d.jsonl", *(f"q{i}" for i in range(100)))
    found = questions(run_on(tmp_path / "r", data, seed=5), 3)
    valid = resolve(data, seed=5).valid
    assert valid is not None
    asked = [valid[i].messages[0]["content"] for i in range(len(valid))]
    assert len(found) == 3
    assert {one for one, _ in found} <= set(asked)
    sent = suggesting.serve(m.Suggest(4, str(tmp_path / "r"), 3), lambda reply: None, StopToken())
    assert list(sent) == [m.Suggested(4, found)]


def test_long_ones_are_passed_over_and_none_comes_twice(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    chats(folder / "train.jsonl", "not", "these")
    chats(folder / "valid.jsonl", "x" * (LONGEST + 1), "one", "one", "one", "one", "two")
    assert questions(run_on(tmp_path / "r", folder), 3) == [("one", ""), ("two", "")]


def test_the_system_message_comes_with_it(tmp_path: Path) -> None:
    told = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "train.jsonl").write_text(json.dumps({"text": "t"}) + "\n")
    broken = json.dumps({"messages": 3})
    (folder / "valid.jsonl").write_text(f"{json.dumps({'messages': told})}\n{broken}\n")
    assert questions(run_on(tmp_path / "r", folder), 3) == [("q", "Be brief.")]


def test_there_are_none_without_a_run_data_or_validation(tmp_path: Path) -> None:
    data = chats(tmp_path / "d.jsonl", *(f"q{i}" for i in range(20)))
    assert questions(tmp_path / "nothing", 3) == []
    assert questions(run_on(tmp_path / "moved", tmp_path / "gone.jsonl"), 3) == []
    assert questions(run_on(tmp_path / "off", data, val_batches=0), 3) == []
    texts = tmp_path / "t.jsonl"
    texts.write_text("\n".join(json.dumps({"text": f"t{i}"}) for i in range(20)) + "\n")
    assert questions(run_on(tmp_path / "texts", texts), 3) == []
