"""A step is tried once for a model and a shape of batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker import trying

LINE = '{"prompt": "a", "completion": "b"}\n'


def test_only_what_changes_a_step_has_it_tried_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "x.jsonl"
    data.write_text(LINE * 20)
    tried: list[TrainConfig] = []

    def counted(config: TrainConfig, shape: object) -> float:
        tried.append(config)
        return float(len(tried))

    monkeypatch.setattr(trying, "batch_seconds", counted)
    trying._seconds.cache_clear()

    def seconds(**changes: object) -> float:
        config = {"model": "sprout", "data": str(data), **changes}
        (reply,) = trying.serve(m.TryStep(1, config), lambda reply: None, StopToken())
        assert isinstance(reply, m.StepTried)
        return reply.batch_seconds

    assert seconds() == seconds(iters=5, adapter_path="other", learning_rate=1e-4) == 1.0
    assert seconds(rank=4) == 2.0
    assert seconds(batch_size=4) == 3.0
    assert seconds(grad_checkpoint=True) == 4.0
    assert seconds(rank=4, patience=3) == 2.0
    for unknown in ({"on_policy": 0.5, "teacher": "base"}, {"teacher": "base"}, {"data": None}):
        assert seconds(**unknown) == 0.0
    assert len(tried) == 4


def test_every_option_without_influence_is_one() -> None:
    assert set(trying.WITHOUT_INFLUENCE) <= set(TrainConfig().to_mapping())
