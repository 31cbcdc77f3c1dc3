"""A tiny chat data set, a run's options, and a listener that remembers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model

from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.data.reading.splits import resolve
from shadow_mlx.jobs import train
from shadow_mlx.parallel.team import alone
from shadow_mlx.runs.events import Event, StopToken, Trained, Validated
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.training.assembly import Assembly, assemble
from shadow_mlx.training.recorder import Recorder
from shadow_mlx.training.reporting import RunSummary


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
def make_parts(make_config: Callable[..., TrainConfig]) -> Callable[..., Assembly]:
    """The parts of such a run, put together."""

    def make(**changes: Any) -> Assembly:
        config = make_config(**changes)
        splits = resolve(str(config.data), config.valid_fraction, config.seed, config.columns)
        return assemble(config, splits, alone(), Recorder(None), None)

    return make


@pytest.fixture
def make_model(tiny_backbone: Path) -> Callable[..., AttachedModel]:
    """A fresh shadow on the tiny backbone; ``up`` is not zero, so that everything matters."""

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
    """A listener that keeps every event.

    Args:
        step: Once this step is reported, ``act`` is called.
        act: What then happens.
    """

    def __init__(self, step: int = -1, act: Callable[[], object] = lambda: None) -> None:
        self.events: list[Event] = []
        self.step, self.act = step, act

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Trained) and event.step == self.step:
            self.act()

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def losses(self) -> dict[int, tuple[Any, float]]:
        return {e.step: (e.losses, e.gradient_norm) for e in self.of(Trained)}

    @property
    def validations(self) -> dict[int, tuple[Any, bool]]:
        return {e.step: (e.losses, e.best) for e in self.of(Validated)}


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested is the same for all 64 tokens of a sample, and takes its time."""
    monkeypatch.setattr("shadow_mlx.training.samples.MAX_TOKENS", 12)


def adapter_bytes(folder: str | Path) -> bytes:
    return (Path(folder) / "adapter_model.safetensors").read_bytes()


class Parted:
    """A run that is stopped after step ``at`` and resumed, which must be the run left in peace."""

    def __init__(self, config: TrainConfig, folder: Path, at: int) -> None:
        config = dataclasses.replace(config, adapter_path=str(folder))
        stop, self.after = StopToken(), Heard()
        self.before = Heard(at, stop.stop)
        self.first = train(config, self.before, stop)
        self.second = train(config, self.after, resume=True)

    def must_equal(self, whole: RunSummary, heard: Heard) -> None:
        assert self.before.validations | self.after.validations == heard.validations
        assert repr(sorted((self.before.losses | self.after.losses).items())) == repr(
            sorted(heard.losses.items())  # as text, where nan is the same as nan
        )
        assert adapter_bytes(self.second.adapter_path) == adapter_bytes(whole.adapter_path)
        timeless = {"seconds": 0.0, "peak_memory_bytes": 0, "adapter_path": whole.adapter_path}
        assert dataclasses.replace(self.second, **timeless) == dataclasses.replace(
            whole, **timeless
        )
