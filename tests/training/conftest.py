"""A tiny chat data set, a run's options, and a listener that remembers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.runs.events import Event
from shadow_mlx.shadow.attached import AttachedModel


def write_chats(path: Path, count: int = 48, seed: int = 0) -> Path:
    """Chats whose answer repeats a letter of the question."""
    generator = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            letter = "abcd"[generator.integers(4)]
            times = int(generator.integers(1, 9))
            question = {"role": "user", "content": f"say {letter * times}"}
            answer = {"role": "assistant", "content": letter * (times + 1)}
            file.write(json.dumps({"messages": [question, answer]}) + "\n")
    return path


@pytest.fixture(scope="session")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chats(tmp_path_factory.mktemp("chats") / "chats.jsonl")


@pytest.fixture
def make_config(tiny_backbone: Path, chats: Path, tmp_path: Path) -> Callable[..., TrainConfig]:
    """Options of a small run into ``tmp_path/run``; keywords change them."""

    def make(**changes: Any) -> TrainConfig:
        options: dict[str, Any] = {
            "model": str(tiny_backbone),
            "data": str(chats),
            "adapter_path": str(tmp_path / "run"),
            "iters": 8,
            "batch_size": 4,
            "rank": 4,
            "max_seq_length": 64,
            "steps_per_report": 1,
            "steps_per_eval": 4,
            "val_batches": 1,
            "samples": 0,  # which take longer than such a run
            "save_every": 3,
        }
        return TrainConfig(**(options | changes))

    return make


@pytest.fixture
def make_model(tiny_backbone: Path) -> Callable[..., AttachedModel]:
    """A fresh shadow on the tiny backbone; ``up`` is not zero, so that everything matters."""
    import mlx.core as mx
    from mlx_lm.utils import load_model

    from shadow_mlx.shadow.attached import attach

    def make(**options: Any) -> AttachedModel:
        backbone, config = load_model(tiny_backbone)
        model = attach(backbone, config, ShadowConfig(**({"rank": 4} | options)))
        for index, layer in enumerate(model.shadow.layers):
            layer.up.weight = 0.1 * mx.random.normal(
                layer.up.weight.shape, key=mx.random.key(index)
            )
        model.train()
        mx.eval(model.parameters())
        return model

    return make


class Heard:
    """A listener that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def heard() -> Heard:
    return Heard()
