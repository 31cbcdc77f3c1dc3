"""An adapter's folder that is damaged gives one error that names the file, and never an answer."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.cli.adapter_facts import adapter_facts
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import InputError
from shadow_mlx.hub.resolving import choose_model
from shadow_mlx.loading import load_backbone, load_model
from shadow_mlx.shadow.attached import attach
from tests.mutations import mutated_json, mutated_tensors, read

SETTINGS = settings(
    max_examples=55,
    deadline=10_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
IDS = mx.array([[5, 60, 7]])


@pytest.fixture(scope="module", params=["peft", "original"])
def whole(
    request: pytest.FixtureRequest, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An adapter of each variant; without a digest, which would find every change of weights."""
    folder = tmp_path_factory.mktemp(request.param)
    backbone, config, _ = load_backbone(tiny_backbone)
    options = ShadowConfig(rank=2, shadow_layers=1, sharing="layer")
    model = attach(backbone, config, options, variant=request.param)
    for layer in model.shadow.layers:
        layer.up.weight = mx.ones_like(layer.up.weight) * 0.1
    save_adapter(folder, model, backbone=str(tiny_backbone), backbone_config=config)
    path = config_of(folder)
    values = read(path)
    values["shadow_mlx"]["weights_sha256"] = None
    path.write_text(json.dumps(values))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(whole, tmp_path / "a")
    logging.disable()
    yield tmp_path / "a"
    logging.disable(logging.NOTSET)


def config_of(folder: Path) -> Path:
    return next(folder.glob("*_config.json"))


def answers_or_refuses(folder: Path) -> None:
    """Everything that reads an adapter gives finite numbers, or one of our errors."""
    with suppress(InputError):
        adapter_facts(folder)
    with suppress(InputError):
        choose_model(None, folder)
    refusal, logits = None, None
    try:
        logits = load_model(None, folder)(IDS)
    except InputError as error:
        refusal = str(error)
    assert logits is None or mx.isfinite(logits).all().item()
    assert refusal is None or str(folder) in refusal


@SETTINGS
@given(data=st.data())
def test_a_changed_configuration(data: st.DataObject, folder: Path, whole: Path) -> None:
    original = read(config_of(whole))
    config_of(folder).write_bytes(data.draw(mutated_json(original)))
    answers_or_refuses(folder)


@SETTINGS
@given(data=st.data())
def test_changed_weights(data: st.DataObject, folder: Path, whole: Path) -> None:
    name = next(whole.glob("*.safetensors")).name
    (folder / name).write_bytes(data.draw(mutated_tensors((whole / name).read_bytes())))
    answers_or_refuses(folder)
