from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.memory import report as reporting
from shadow_mlx.memory.estimate import BatchShape
from shadow_mlx.memory.measure import DataBatch
from shadow_mlx.memory.report import report

SHAPE = BatchShape(2, 32, 40)


def test_how_it_was_found_is_noted(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHADOW_MLX_MODEL", str(tiny_backbone))
    found = report(TrainConfig(), lambda config: DataBatch(SHAPE, f"data for {config.model}"))
    assert found.config.model == str(tiny_backbone)
    assert found.estimate.batch == SHAPE
    backbone, data = found.notes
    assert backbone.startswith(f"backbone: {tiny_backbone} (")
    assert data == f"data for {tiny_backbone}"
    assert found.verdict.fit == "fits"
    assert found.advice() == []


@pytest.mark.parametrize("shape", [SHAPE, None])
def test_advice_is_for_the_same_batch(
    tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch, shape: BatchShape | None
) -> None:
    monkeypatch.setattr("shadow_mlx.memory.estimate.working_memory", lambda: 1)
    monkeypatch.setattr(reporting, "suggestions", lambda *given, **more: [*given, more])
    config = TrainConfig(model=str(tiny_backbone), max_seq_length=64)
    found = report(config, lambda _: DataBatch(shape), machines=2)
    assert found.verdict.fit == "too large"
    assert found.advice() == [config, shape, {"machines": 2}]
