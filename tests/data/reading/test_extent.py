"""How much a run reads, counted in lines and bytes."""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.reading.extent import records_in, training_bytes


def test_what_is_set_apart_is_not_trained_on(tmp_path: Path) -> None:
    data = str(tmp_path)
    config = TrainConfig(data=data, valid_fraction=0.25)
    assert records_in(data) is None
    assert training_bytes(config) == 0
    (tmp_path / "train.jsonl").write_bytes(b'{"text":"a"}\n' * 8)
    assert records_in(data) == (8, 0)
    assert training_bytes(config) == 8 * 13 * 0.75
    (tmp_path / "valid.jsonl").write_text('{"text":"b"}\n')
    assert records_in(data) == (8, 1)
    assert training_bytes(config) == 8 * 13
