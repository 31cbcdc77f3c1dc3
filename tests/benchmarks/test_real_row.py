"""A row of the bench on real models, on a tiny one: the bench must not rot unnoticed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from mlx_lm.tuner.trainer import train as mlx_lm_train

from benchmarks import real_row
from benchmarks.processes import Cost
from benchmarks.real import Finished, table
from benchmarks.real_row import RESULT, ROW, Outcome, Row, main
from shadow_mlx.config import TrainConfig


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "snips"
    folder.mkdir()
    for split, count in (("train", 24), ("valid", 16), ("test", 4)):
        lines = [
            {"messages": [{"role": "user", "content": f"say {i}"},
                          {"role": "assistant", "content": json.dumps({"said": str(i % 7)})}]}
            for i in range(count)
        ]  # fmt: skip
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def made(row: Row, place: Path) -> Outcome:
    """What the row finds, trained in a folder of its name as the benches do."""
    folder = place / row.name
    folder.mkdir()
    (folder / ROW).write_text(json.dumps(asdict(row)))
    main(folder)
    return Outcome(**json.loads((folder / RESULT).read_text()))


@pytest.mark.parametrize(
    "method", ["update,rank=4", "lora,learning_rate=1e-3", "dora,learning_rate=1e-3"]
)
def test_a_row_trains_scores_and_is_a_line_of_the_table(
    tmp_path: Path, data: Path, tiny_backbone: Path, method: str
) -> None:
    row = Row.parse(method, "snips", 0, str(tiny_backbone), str(data), 24, 3)
    found = made(row, tmp_path)
    assert found.trained > 0
    assert found.trained_per_second > 0
    assert found.loss_at(24) < found.loss_at(0)
    assert (found.shadow_loss is not None) is method.startswith("update")
    assert found.exact is not None
    line = table([Finished(row, found, Cost(1.0, 10**9))], 24).splitlines()[-1]
    assert line.startswith(f"| snips | {method} | {found.trained:,} |")


def test_a_row_learns_from_what_an_earlier_one_trained(
    tmp_path: Path, data: Path, tiny_backbone: Path
) -> None:
    methods = (
        "update,rank=4",
        "alone,shadow=@update+rank=4,teacher=@update+rank=4,iters=12",
        "lora,learning_rate=1e-3",
        "alone,teacher=@lora+learning_rate=1e-3,iters=12",
    )
    for method in methods:
        row = Row.parse(method, "snips", 0, str(tiny_backbone), str(data), 24, 3)
        found = made(row, tmp_path)
    assert (found.exact, found.curve[-1][0]) == (None, 12)
    assert found.detached_exact is not None
    assert found.shadow_loss == found.curve[-1][1]


def test_mlx_lm_trains_on_examples_as_long_as_ours(
    tmp_path: Path, data: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = []

    def train(*parts: Any, **more: Any) -> None:
        lengths.append(parts[-1].max_seq_length)
        mlx_lm_train(*parts, **more)

    monkeypatch.setattr(real_row, "train", train)
    for changes in ("", ",max_seq_length=48"):
        row = Row.parse(f"lora,learning_rate=1e-3{changes}", "snips", 0,
                        str(tiny_backbone), str(data), 4, 0)  # fmt: skip
        made(row, tmp_path)
    assert lengths == [TrainConfig.max_seq_length, 48]


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_an_option_that_mlx_lm_does_not_take_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="does not take clip, shadow_layers"):
        Row.parse(f"{kind},learning_rate=1e-3,shadow_layers=2,clip=1", "snips", 0, "m", "d", 4, 0)


def test_a_method_is_read_as_it_is_typed() -> None:
    text = "depth,rank=8,learning_rate=2e-3,shadow_start=even"
    row = Row.parse(text, "gsm8k", 1, "m", "d", 10, 0)
    options = {"rank": 8, "learning_rate": 2e-3, "shadow_start": "even"}
    assert (row.kind, dict(row.options)) == ("depth", options)
