from __future__ import annotations

import gc
import os
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx import loading
from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import MODES, SamplingConfig, ShadowConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import CheckpointError, InputError
from shadow_mlx.generation import pool as pools
from shadow_mlx.generation.conversation import Conversation
from shadow_mlx.generation.engine import Engine
from shadow_mlx.generation.pool import Pool
from shadow_mlx.shadow.attached import attach
from tests.tiny import write_tiny_backbone

HELLO = Conversation().asked("hello")
SAMPLING = SamplingConfig(max_tokens=8)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backbones that were read."""
    names: list[str] = []
    load = loading.load_backbone

    def counted(name: Any, **options: Any) -> Any:
        names.append(Path(name).name)
        return load(name, **options)

    monkeypatch.setattr(loading, "load_backbone", counted)
    return names


@pytest.fixture
def other(tiny_backbone: Path, tmp_path: Path) -> Path:
    """An adapter of another shape on the same backbone."""
    backbone, config, _ = loading.load_backbone(tiny_backbone)
    model = attach(backbone, config, ShadowConfig(rank=2, shadow_layers=2), seed=9)
    save_adapter(
        tmp_path / "other", model, backbone=str(tiny_backbone), backbone_config=config, training={}
    )
    return tmp_path / "other"


def texts(engine: Engine) -> list[str]:
    return [engine.answer(HELLO, mode, SAMPLING).text for mode in engine.modes]


def alone(adapter: Path) -> list[str]:
    model, tokenizer = loading.load(None, adapter)
    return texts(Engine(model, ChatFormat(tokenizer)))


def test_shadows_on_one_backbone_answer_as_each_alone(
    tiny_backbone: Path, tiny_adapter: Path, other: Path, read: list[str]
) -> None:
    expected = {adapter: alone(adapter) for adapter in (tiny_adapter, other)}
    read.clear()
    pool = Pool()
    pool.load(str(tiny_backbone), None)
    assert pool.engine.modes == ["base"]
    for adapter in (tiny_adapter, other, tiny_adapter, other):
        pool.load(None, str(adapter))
        assert pool.engine.modes == list(MODES)
        assert texts(pool.engine) == expected[adapter]
    pool.load(str(tiny_backbone), None)
    assert texts(pool.engine) == expected[other][MODES.index("base") :][:1]
    assert read == [tiny_backbone.name]


def test_what_has_changed_on_disk_is_read_anew(tiny_adapter: Path, read: list[str]) -> None:
    pool = Pool()
    pool.load(None, str(tiny_adapter))
    pool.load(None, str(tiny_adapter))
    assert len(read) == 1
    os.utime(tiny_adapter / "adapter_model.safetensors")
    pool.load(None, str(tiny_adapter))
    assert len(read) == 2


def test_shadows_are_not_gathered_without_end(
    tiny_adapter: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "MOST_SHADOWS", 1)
    pool = Pool()
    for name in ("one", "two", "three"):
        pool.load(None, str(shutil.copytree(tiny_adapter, tmp_path / name)))
    assert len(read) == 2
    assert texts(pool.engine) == alone(tiny_adapter)


def test_the_old_backbone_goes_before_the_next_is_read(
    tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool()
    pool.load(None, str(tiny_adapter))
    texts(pool.engine)
    old = weakref.ref(pool.engine._models["base"])
    load, alive = loading.load_backbone, []

    def looking(name: Any, **options: Any) -> Any:
        gc.collect()
        alive.append(old() is not None)
        return load(name, **options)

    monkeypatch.setattr(loading, "load_backbone", looking)
    pool.load(str(write_tiny_backbone(tmp_path / "m", seed=1)), None)
    assert alive == [False]


def test_a_failure_leaves_nothing_loaded(tiny_adapter: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_adapter, tmp_path / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"")
    pool = Pool()
    pool.load(None, str(tiny_adapter))
    with pytest.raises(CheckpointError):
        pool.load(None, str(broken))
    with pytest.raises(InputError, match="no model is loaded"):
        pool.engine  # noqa: B018
    pool.load(None, str(tiny_adapter))
    assert texts(pool.engine) == alone(tiny_adapter)
