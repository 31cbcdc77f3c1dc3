"""A shadow for another backbone with the same tokens: its function, and whole runs with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_config, load_model

from shadow_mlx import loading
from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.checkpoints.peft import adapter_record, save_adapter
from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.errors import CheckpointError, ConfigError, ModelError
from shadow_mlx.jobs import train
from shadow_mlx.memory.estimate import estimate
from shadow_mlx.runs.events import StopToken, Validated
from shadow_mlx.shadow.attached import attach
from shadow_mlx.shadow.projection import head_matrix
from shadow_mlx.training.model import prepare_model
from tests.shadow.tiny_models import stir
from tests.tiny import write_tiny_backbone
from tests.training.conftest import Heard, adapter_bytes

FASTER = {"learning_rate": 1e-2, "iters": 12, "steps_per_report": 2}
IDS = mx.array([[5, 60, 7, 80, 200, 11]])


def adapter_on(backbone: Path, folder: Path, **options: Any) -> Path:
    """A random adapter on the backbone in a folder."""
    model, config = load_model(backbone)
    shadowed = attach(model, config, ShadowConfig(**{"rank": 4, "shadow_layers": 1, **options}))
    stir(shadowed.shadow, 0.3)
    save_adapter(folder, shadowed, backbone=str(backbone), backbone_config=config)
    return folder


def logits(backbone: Path | None, adapter: Path, mode: Any = "detached") -> mx.array:
    return loading.load_model(backbone, adapter, mode)(IDS)


def begun(backbone: Path, shadow: Path | str, **options: Any) -> Any:
    """The model that a run on a backbone begins with, ready to answer."""
    model, config = load_model(backbone)
    given = TrainConfig(model=str(backbone), rank=4, shadow=str(shadow), **options)
    return prepare_model(model, config, given).eval()


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Another width and depth than the tiny backbone's, its tokens, and some rows more."""
    return write_tiny_backbone(
        tmp_path / "wide", seed=3, hidden_size=48, num_hidden_layers=4, vocab_size=264
    )


def fitted(model: Any, head: np.ndarray) -> np.ndarray:
    """Logits that the fitted projection should give: the old head's, as near as the new one can."""
    theirs = head_matrix(model.decoder)[: len(head)].astype(np.float64)
    states = np.array(model.shadow.backbone.decoder.final_hidden(IDS), np.float64)
    solution, *_ = np.linalg.lstsq(theirs, head.astype(np.float64), rcond=None)
    return states @ (theirs @ solution).T


@pytest.mark.parametrize("narrow", [None, 16])
def test_its_logits_are_the_old_ones_as_near_as_the_new_head_can_say_them(
    tiny_backbone: Path, wide: Path, tmp_path: Path, narrow: int | None
) -> None:
    adapter = adapter_on(tiny_backbone, tmp_path / "a", shadow_hidden_size=narrow)
    model = begun(wide, adapter)
    old = loading.load_model(None, adapter, "detached", for_training=True)
    states = old.shadow.decoder.final_hidden(IDS)
    np.testing.assert_allclose(
        np.array(model.shadow.backbone.decoder.final_hidden(IDS)), states, rtol=0, atol=1e-5
    )
    head = head_matrix(find_decoder(load_model(tiny_backbone)[0]))
    if narrow:
        head = head @ np.array(old.shadow.projection.weight)
    found = np.array(model.detached()(IDS))[..., :259]
    expected = fitted(model, head)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_they_are_the_very_logits_where_the_new_head_can_say_all_of_them(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    """The old table is a part of the new one's width."""
    wider = write_tiny_backbone(tmp_path / "wider", seed=3, hidden_size=48)
    weights = dict(mx.load(str(wider / "model.safetensors")))
    name = "model.embed_tokens.weight"
    mine = mx.load(str(tiny_backbone / "model.safetensors"))[name]
    weights[name] = mx.concatenate([weights[name][:, :16], mine], axis=1)
    mx.save_safetensors(str(wider / "model.safetensors"), weights, {"format": "pt"})
    adapter = adapter_on(tiny_backbone, tmp_path / "a")
    expected = np.array(logits(None, adapter))
    found = np.array(begun(wider, adapter).detached()(IDS))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_what_is_left_of_the_head_is_said(
    tiny_backbone: Path,
    wide: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shadow_mlx.notes._said", set())  # each thing is said once in a process
    adapter = adapter_on(tiny_backbone, tmp_path / "a")
    model = begun(wide, adapter)
    said = caplog.text
    assert f"comes from another backbone, {tiny_backbone}; its tokens are the same" in said
    head = head_matrix(find_decoder(load_model(tiny_backbone)[0])).astype(np.float64)
    projection = np.array(model.shadow.backbone.projection.weight, np.float64)
    rest = np.linalg.norm(head_matrix(model.decoder)[:259] @ projection - head)
    assert f"{rest / np.linalg.norm(head):.1%} of the shadow's own head is not in it" in said


def test_a_run_resumes_to_the_bit_when_adapter_and_first_backbone_are_gone(
    tiny_backbone: Path,
    wide: Path,
    make_config: Callable[..., TrainConfig],
    heard: Heard,
    tmp_path: Path,
) -> None:
    first = shutil.copytree(tiny_backbone, tmp_path / "first")
    adapter = adapter_on(first, tmp_path / "a", shadow_hidden_size=16)
    options = {"model": str(wide), "shadow": str(adapter), **FASTER}
    whole = train(make_config(**options), heard)
    start, *_, end = heard.of(Validated)
    assert end.losses["loss"] < start.losses["loss"]

    stop = StopToken()
    before = Heard(6, stop.stop)
    config = make_config(adapter_path=str(tmp_path / "parted"), **options)
    train(config, before, stop)
    shutil.rmtree(first)
    shutil.rmtree(adapter)
    after = Heard()
    parted = train(config, after, resume=True)
    assert before.losses | after.losses == heard.losses
    assert adapter_bytes(parted.adapter_path) == adapter_bytes(whole.adapter_path)

    record = adapter_record(whole.adapter_path)
    assert record.config.shadow == str(adapter)
    assert "export --to projected" in str(record.not_for_peft)
    for mode in ("attached", "detached"):
        found = loading.load_model(None, parted.adapter_path, mode)(IDS)
        assert mx.array_equal(found, loading.load_model(None, whole.adapter_path, mode)(IDS))
        assert found.shape == (1, 6, 264)


def test_it_can_be_taken_on_from_there(tiny_backbone: Path, wide: Path, tmp_path: Path) -> None:
    """To a third backbone, and into a new run on the second."""
    adapter = adapter_on(tiny_backbone, tmp_path / "a")
    model = begun(wide, adapter)
    second = tmp_path / "b"
    save_adapter(
        second, model, backbone=str(wide), backbone_config=load_config(wide), training={"steps": 1}
    )
    again = begun(wide, second)
    assert mx.array_equal(again.detached()(IDS), model.detached()(IDS))
    third = write_tiny_backbone(tmp_path / "third", seed=5, hidden_size=64, vocab_size=260)
    taken = begun(third, second)
    expected = model.shadow.backbone.decoder.final_hidden(IDS)
    np.testing.assert_allclose(
        taken.shadow.backbone.decoder.final_hidden(IDS), expected, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("on", ["first", "second"])
def test_its_memory_is_estimated_as_that_of_any_other(
    tiny_backbone: Path, wide: Path, tmp_path: Path, on: str
) -> None:
    adapter = adapter_on(tiny_backbone, tmp_path / "a", shadow_hidden_size=16)
    if on == "second":
        model, second = begun(wide, adapter), tmp_path / "b"
        save_adapter(second, model, backbone=str(wide), backbone_config=load_config(wide))
        adapter = second
    trained = begun(wide, adapter).train().trainable_parameters()
    config = TrainConfig(
        model=str(wide), rank=4, shadow=str(adapter), max_seq_length=64, batch_size=2
    )
    assert estimate(config).trained == sum(value.size for _, value in tree_flatten(trained))


def test_other_tokens_are_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    adapter = adapter_on(tiny_backbone, tmp_path / "a")
    model, config = loading.load_backbone("sprout")[:2]
    with pytest.raises(
        ConfigError, match=r"its tokens are not those of sprout \('.*' is not known"
    ):
        prepare_model(model, config, TrainConfig(model="sprout", shadow=str(adapter)))


def test_a_model_of_other_tokens_is_refused(tiny_backbone: Path) -> None:
    with pytest.raises(ConfigError, match="its tokens are not those of"):
        begun(tiny_backbone, "sprout")


def test_one_whose_first_backbone_is_gone_is_refused_with_the_way_out(
    tiny_backbone: Path, wide: Path, tmp_path: Path
) -> None:
    first = shutil.copytree(tiny_backbone, tmp_path / "first")
    adapter = adapter_on(first, tmp_path / "a")
    shutil.rmtree(first)
    for task in (
        lambda: begun(wide, adapter),
        lambda: estimate(TrainConfig(model=str(wide), shadow=str(adapter))),
    ):
        with pytest.raises(ModelError, match=r"embeddings of the backbone .*--to projected"):
            task()
    settings = adapter / "adapter_config.json"
    record = json.loads(settings.read_text())
    settings.write_text(json.dumps(record | {"base_model_name_or_path": None}))
    with pytest.raises(ConfigError, match="does not record on which"):
        begun(wide, adapter)


@pytest.mark.parametrize("blocks", [0, 4, "2", True, None])
def test_a_record_of_blocks_that_are_not_there_is_refused(
    tiny_backbone: Path, wide: Path, tmp_path: Path, blocks: Any
) -> None:
    model = begun(wide, adapter_on(tiny_backbone, tmp_path / "a"))
    folder = tmp_path / "b"
    save_adapter(folder, model, backbone=str(wide), backbone_config=load_config(wide))
    settings = folder / "adapter_config.json"
    record = json.loads(settings.read_text())
    record["shadow_mlx"]["model_config"]["shadow_mlx_blocks"] = blocks
    settings.write_text(json.dumps(record))
    with pytest.raises(CheckpointError):
        loading.load_model(None, folder)
