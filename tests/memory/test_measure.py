from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import DataError
from shadow_mlx.memory.measure import batch_of_data


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Ten completions, the longest of them last."""
    path = tmp_path / "data.jsonl"
    lines = [{"prompt": "ab", "completion": "c" * n} for n in (*range(1, 10), 90)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_the_longest_example_decides(tiny_backbone: Path, data: str) -> None:
    config = TrainConfig(model=str(tiny_backbone), data=data, batch_size=2)
    found = batch_of_data(config)
    assert found.shape is not None
    assert found.shape.rows == 2
    assert found.shape.width % 8 == 0
    assert 90 < found.shape.width < 200
    assert 90 < found.shape.trained < 110
    assert not found.note
    cut = batch_of_data(TrainConfig(model=str(tiny_backbone), data=data, max_seq_length=64))
    assert cut.shape is not None
    assert cut.shape.width <= 64


def test_packed_rows_are_fewer_and_longer(tiny_backbone: Path, data: str) -> None:
    config = TrainConfig(model=str(tiny_backbone), data=data, batch_size=5, packing=True)
    apart = batch_of_data(TrainConfig(model=str(tiny_backbone), data=data, batch_size=5)).shape
    together = batch_of_data(config).shape
    assert apart is not None
    assert together is not None
    assert (together.rows < 5, together.shared_rows) == (True, True)
    assert together.rows * together.width < apart.rows * apart.width


def test_of_large_data_the_first_records_are_looked_at(tiny_backbone: Path, data: str) -> None:
    found = batch_of_data(TrainConfig(model=str(tiny_backbone), data=data), most_records=5)
    assert found.shape is not None
    assert found.shape.width < 64
    assert "first 5 of 10" in found.note


def test_what_is_not_known_is_said(tiny_backbone: Path, data: str, tmp_path: Path) -> None:
    assert "as long as allowed" in batch_of_data(TrainConfig(model=str(tiny_backbone))).note
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text((tiny_backbone / "config.json").read_text())
    found = batch_of_data(TrainConfig(model=str(bare), data=data))
    assert found.shape is None
    assert "tokenizer is not here" in found.note
    with pytest.raises(DataError, match="no such file"):
        batch_of_data(TrainConfig(model=str(tiny_backbone), data="nowhere.jsonl"))


def test_answers_that_the_run_will_write_may_be_missing(tiny_backbone: Path, data: str) -> None:
    model = str(tiny_backbone)
    told = batch_of_data(TrainConfig(model=model, data=data, teacher="x", answers="all"))
    assert told == batch_of_data(TrainConfig(model=model, data=data))
    with Path(data).open("a", encoding="utf-8") as file:
        file.write('{"prompt": "ab"}\n')
    found = batch_of_data(TrainConfig(model=model, data=data, teacher="x", answers="missing"))
    assert found.shape is None
    assert "answers are missing that the run will write" in found.note
    with pytest.raises(DataError):
        batch_of_data(TrainConfig(model=model, data=data))
