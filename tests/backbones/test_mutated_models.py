"""A model's folder that is damaged gives one error that names it, and never an answer."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.backbones.skeleton import build_backbone, read_config
from shadow_mlx.errors import InputError, ModelError
from shadow_mlx.loading import load
from tests.mutations import mutated_json, mutated_tensors, read

SETTINGS = settings(
    max_examples=45,
    deadline=15_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
IDS = mx.array([[5, 60, 7]])
FILES = ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json")


@pytest.fixture
def folder(tiny_backbone: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "m"
    shutil.copytree(tiny_backbone, copy)
    (copy / "generation_config.json").write_text('{"eos_token_id": [2], "temperature": 0.7}')
    logging.disable()
    yield copy
    logging.disable(logging.NOTSET)


def answers_or_refuses(folder: Path) -> None:
    """Everything that reads a model gives finite numbers, or one of our errors."""
    with suppress(ModelError):
        build_backbone(read_config(folder, str(folder)), str(folder))
    refusal, logits, ids = None, None, []
    try:
        model, tokenizer = load(folder, mode="base")
        ids = tokenizer.encode("Bring the cup <|im_end|>")
        logits = model(IDS)
    except InputError as error:
        refusal = str(error)
    assert logits is None or mx.isfinite(logits).all().item()
    assert logits is None or max(ids, default=0) < logits.shape[-1]
    assert refusal is None or str(folder) in refusal


@pytest.mark.parametrize("name", FILES)
@SETTINGS
@given(data=st.data())
def test_a_changed_file(name: str, data: st.DataObject, folder: Path) -> None:
    path = folder / name
    original = path.read_bytes()
    path.write_bytes(data.draw(mutated_json(read(path))))
    answers_or_refuses(folder)
    path.write_bytes(original)


@SETTINGS
@given(data=st.data())
def test_changed_weights(data: st.DataObject, folder: Path) -> None:
    path = folder / "model.safetensors"
    original = path.read_bytes()
    path.write_bytes(data.draw(mutated_tensors(original, numbers=False)))
    answers_or_refuses(folder)
    path.write_bytes(original)
