"""mlx-lm's own adapters: recognised, described, and put on a model as mlx-lm puts them."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import pytest
from mlx_lm import load as mlx_lm_load

from shadow_mlx.checkpoints.mlx_lm_adapter import (
    count_parameters,
    is_mlx_lm_adapter,
    put_on,
    read_mlx_lm_adapter,
)
from shadow_mlx.errors import CheckpointError
from shadow_mlx.loading import load_backbone
from tests.mlx_lm_adapters import write_mlx_lm_adapter
from tests.tiny import write_tiny_backbone

TOKENS = mx.array([[5, 6, 7, 8]])


@pytest.mark.parametrize("kind", ["lora", "dora", "full"])
def test_it_is_put_on_as_mlx_lm_loads_it(tmp_path: Path, tiny_backbone: Path, kind: str) -> None:
    folder = write_mlx_lm_adapter(tmp_path / kind, tiny_backbone, kind)
    assert is_mlx_lm_adapter(folder)
    adapter = read_mlx_lm_adapter(folder)
    assert (adapter.kind, adapter.model) == (kind, str(tiny_backbone))
    model, _, _ = load_backbone(tiny_backbone)
    plain = model(TOKENS)
    loaded = put_on(adapter, model)
    theirs = mlx_lm_load(str(tiny_backbone), adapter_path=str(folder))[0]
    assert mx.array_equal(loaded(TOKENS), theirs(TOKENS))
    assert not mx.allclose(loaded(TOKENS), plain)
    arrays = mx.load(str(folder / "adapters.safetensors"))
    assert count_parameters(adapter) == sum(array.size for array in arrays.values())


def test_other_folders_are_none(tmp_path: Path, tiny_backbone: Path, tiny_adapter: Path) -> None:
    assert not is_mlx_lm_adapter(tiny_backbone)
    assert not is_mlx_lm_adapter(tiny_adapter)
    assert not is_mlx_lm_adapter(tmp_path / "nowhere")


def test_what_is_missing_or_damaged_is_said(tmp_path: Path, tiny_backbone: Path) -> None:
    folder = write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone)
    weights, config = folder / "adapters.safetensors", folder / "adapter_config.json"
    written = config.read_text(encoding="utf-8")
    for text, said in (
        (json.dumps({"fine_tune_type": "soup"}), "expected lora, dora, full, found 'soup'"),
        ("{", "not valid JSON"),
        ("[]", "expected an object, found a list"),
    ):
        config.write_text(text, encoding="utf-8")
        with pytest.raises(CheckpointError, match=said):
            read_mlx_lm_adapter(folder)
    config.unlink()
    with pytest.raises(CheckpointError, match=r"expected adapter_config\.json beside"):
        read_mlx_lm_adapter(folder)
    config.write_text(written, encoding="utf-8")
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="cut short"):
        count_parameters(read_mlx_lm_adapter(folder))
    weights.unlink()
    assert is_mlx_lm_adapter(folder)
    with pytest.raises(CheckpointError, match="copy a numbered checkpoint"):
        read_mlx_lm_adapter(folder)


def test_an_adapter_of_another_model_says_which(tmp_path: Path, tiny_backbone: Path) -> None:
    wide = write_tiny_backbone(tmp_path / "wide", hidden_size=64)
    adapter = read_mlx_lm_adapter(write_mlx_lm_adapter(tmp_path / "lora", wide))
    model, _, _ = load_backbone(tiny_backbone)
    with pytest.raises(CheckpointError, match=f"it was trained on {wide}") as raised:
        put_on(adapter, model)
    assert "does not match" in str(raised.value)


def test_settings_that_mlx_lm_cannot_use(tmp_path: Path, tiny_backbone: Path) -> None:
    folder = write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone)
    config = folder / "adapter_config.json"
    for lost in ("num_layers", "lora_parameters"):
        values = json.loads(config.read_text(encoding="utf-8"))
        del values[lost]
        config.write_text(json.dumps(values), encoding="utf-8")
        model, _, _ = load_backbone(tiny_backbone)
        with pytest.raises(CheckpointError, match=lost):
            put_on(read_mlx_lm_adapter(folder), model)
        write_mlx_lm_adapter(folder, tiny_backbone)


def test_weights_that_are_no_numbers(tmp_path: Path, tiny_backbone: Path) -> None:
    folder = write_mlx_lm_adapter(tmp_path / "lora", tiny_backbone)
    path = folder / "adapters.safetensors"
    arrays = {name: mx.full(value.shape, mx.nan) for name, value in mx.load(str(path)).items()}
    mx.save_safetensors(str(path), arrays)
    model, _, _ = load_backbone(tiny_backbone)
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        put_on(read_mlx_lm_adapter(folder), model)
