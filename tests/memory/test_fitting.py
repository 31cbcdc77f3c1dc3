"""``--auto``: a run that does not fit gets settings with which it does."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.jobs import train
from shadow_mlx.memory.estimate import estimate
from shadow_mlx.memory.fitting import fitted
from shadow_mlx.memory.report import report
from shadow_mlx.memory.verdict import COMFORT

OPTIONS = {"batch_size": 8, "max_seq_length": 1024}


def config_of(backbone: Path) -> TrainConfig:
    return TrainConfig(model=str(backbone), **OPTIONS)


def test_a_run_that_fits_is_left_alone(tiny_backbone: Path) -> None:
    found = fitted(config_of(tiny_backbone), memory=1 << 40)
    assert found.config == config_of(tiny_backbone)
    assert "nothing to change" in found.sentence


@pytest.mark.parametrize("share", [0.7, 0.4, 0.2, 0.1])
def test_what_is_chosen_fits_and_learns_the_same(tiny_backbone: Path, share: float) -> None:
    config = config_of(tiny_backbone)
    memory = int(estimate(config).peak * share)
    found = fitted(config, memory=memory).config
    assert estimate(found).peak <= COMFORT * 0.9 * memory
    assert found.batch_size * found.grad_accumulation_steps == 8
    if share >= 0.4:
        assert found.max_seq_length == config.max_seq_length  # shorter examples come last


def test_less_is_changed_where_less_is_enough(tiny_backbone: Path) -> None:
    config = config_of(tiny_backbone)
    found = fitted(config, memory=int(estimate(config).peak * 0.9)).config
    assert (found.batch_size, found.grad_checkpoint) == (4, False)


def test_it_says_what_was_chosen_even_if_nothing_is_enough(tiny_backbone: Path) -> None:
    found = fitted(config_of(tiny_backbone), memory=1 << 20)
    assert "--batch-size 1 --grad-accumulation-steps 8" in found.sentence
    assert "does not fit" in found.sentence
    assert found.config.grad_checkpoint


def test_what_was_chosen_stands_in_the_runs_record(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"prompt": f"say {i}", "completion": "a " * 20}) for i in range(16)]
    (tmp_path / "data.jsonl").write_text("\n".join(lines))
    config = dataclasses.replace(
        config_of(tiny_backbone), data=str(tmp_path / "data.jsonl"), auto=True, iters=1, samples=0,
        adapter_path=str(tmp_path / "run"), rank=4,
    )  # fmt: skip
    memory = int(report(config).estimate.peak * 0.9)
    monkeypatch.setattr("shadow_mlx.jobs.fitted", partial(fitted, memory=memory))
    train(config)
    record = (tmp_path / "run" / "run" / "events.jsonl").read_text(encoding="utf-8")
    assert "--auto: --batch-size 4 --grad-accumulation-steps 2" in record
    saved = (tmp_path / "run" / "run" / "config.yaml").read_text(encoding="utf-8")
    assert "batch_size: 4" in saved
