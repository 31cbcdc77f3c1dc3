"""What loading gives: the right function in every mode, usable by all of mlx-lm, or one reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx_lm
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.generate import generate_step
from mlx_lm.models.cache import load_prompt_cache, make_prompt_cache, save_prompt_cache
from mlx_lm.sample_utils import make_sampler

import shadow_mlx
from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import Mode, ShadowConfig
from shadow_mlx.errors import CheckpointError, InputError, ModelError
from shadow_mlx.hub.resolving import adapter_backbone
from shadow_mlx.loading import load, load_backbone, load_model, load_tokenizer
from shadow_mlx.shadow.attached import attach
from tests.architectures.matrix import greedy_alone, greedy_batch
from tests.tiny import write_tiny_backbone

MODES: list[Mode] = ["attached", "detached", "base"]
IDS = mx.array([[5, 60, 7, 80, 9, 100]])


def convert(source: Path, folder: Path, kind: str) -> Path:
    """The tiny backbone as ``float32``, ``bfloat16``, or ``4-bit`` (bfloat16 scales)."""
    if kind == "float32":
        return source
    model, config, _ = load_backbone(source)
    model.set_dtype(mx.bfloat16)
    if kind == "4-bit":
        nn.quantize(
            model,
            group_size=32,
            bits=4,
            class_predicate=lambda _, m: hasattr(m, "to_quantized") and m.weight.shape[-1] == 32,
        )
        config["quantization"] = {"group_size": 32, "bits": 4}
    folder.mkdir()
    for file in source.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    return folder


def write_adapter(folder: Path, backbone: Path, **options: Any) -> Path:
    """An adapter with random numbers for the backbone in a folder."""
    model, config, _ = load_backbone(backbone)
    attached = attach(model, config, ShadowConfig(rank=4, **options))
    mx.random.seed(3)
    for layer in attached.shadow.layers:
        layer.apply(lambda w: 0.3 * mx.random.normal(w.shape))
    save_adapter(folder, attached, backbone=str(backbone), backbone_config=config)
    return folder


@pytest.fixture(scope="module", params=["float32", "bfloat16", "4-bit"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def adapter(
    tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> tuple[Path, Path]:
    """A backbone of each kind, and an adapter for it."""
    root = tmp_path_factory.mktemp("loading")
    backbone = convert(tiny_backbone, root / "backbone", kind)
    return backbone, write_adapter(root / "adapter", backbone)


def tolerance(kind: str) -> float:
    return 2e-5 if kind == "float32" else 0.15


def test_each_mode_is_its_own_function(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path, tiny_backbone)
    plain, _ = mlx_lm.load(str(tiny_backbone))
    attached, detached, base = (load_model(None, folder, mode) for mode in MODES)
    assert mx.array_equal(base(IDS), plain(IDS))
    assert mx.array_equal(attached.backbone(IDS), plain(IDS))
    assert mx.allclose(attached.detached()(IDS), detached(IDS), rtol=0, atol=1e-6)
    assert not mx.allclose(attached(IDS), base(IDS), atol=0.01)
    assert not mx.allclose(attached(IDS), detached(IDS), atol=0.01)
    assert not any(model.training for model in (attached, detached, base))


def test_the_stream_keeps_the_backbones_dtype(adapter: tuple[Path, Path], kind: str) -> None:
    backbone, folder = adapter
    dtype = mx.float32 if kind == "float32" else mx.bfloat16
    attached = load_model(backbone, folder)
    hidden, s0 = attached.hidden(IDS)
    assert hidden.dtype == s0.dtype == dtype
    inner = dict(tree_flatten(attached.shadow.backbone.inner.parameters()))
    assert {value.dtype for value in inner.values()} == {dtype}
    assert attached.shadow.layers[0].down.weight.dtype == mx.float32
    for mode in MODES:
        model = load_model(backbone, folder, mode)
        cache = make_prompt_cache(model)
        assert model(IDS, cache=cache).dtype == dtype
        assert {entry.keys.dtype for entry in cache} == {dtype}


def test_training_starts_from_float32(adapter: tuple[Path, Path]) -> None:
    model = load_model(*adapter, for_training=True)
    trained = dict(tree_flatten(model.trainable_parameters()))
    assert all(name.startswith("shadow.") for name in trained)
    assert {value.dtype for value in trained.values()} == {mx.float32}


@pytest.mark.parametrize("mode", MODES)
def test_cached_decoding_is_the_full_forward(
    adapter: tuple[Path, Path], kind: str, mode: Mode
) -> None:
    model = load_model(*adapter, mode)
    cache = make_prompt_cache(model)
    steps = [model(IDS[:, :3], cache=cache)]
    steps += [model(IDS[:, t : t + 1], cache=cache) for t in range(3, IDS.shape[1])]
    cached = mx.concatenate(steps, axis=1).astype(mx.float32)
    full = model(IDS).astype(mx.float32)
    np.testing.assert_allclose(cached, full, rtol=0, atol=tolerance(kind))


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_answers_as_each_prompt_alone(
    adapter: tuple[Path, Path], kind: str, mode: Mode
) -> None:
    model = load_model(*adapter, mode)
    prompts = [[5, 60, 7], [80, 9, 100, 11, 120, 13, 14]]
    for prompt, batch in zip(prompts, greedy_batch(model, prompts, 5), strict=True):
        for (found, together), (expected, alone) in zip(
            batch, greedy_alone(model, prompt, 5), strict=True
        ):
            together, alone = together.astype(mx.float32), alone.astype(mx.float32)
            np.testing.assert_allclose(together, alone, rtol=0, atol=tolerance(kind))
            if found != expected:  # rounding decides between two tokens of the same probability
                assert abs(alone[found] - alone[expected]).item() < tolerance(kind)
                break


@pytest.mark.parametrize("mode", MODES)
def test_mlx_lm_generates_with_it(adapter: tuple[Path, Path], mode: Mode) -> None:
    model, tokenizer = load(*adapter, mode)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hello"}], add_generation_prompt=True
    )
    whole = mlx_lm.generate(model, tokenizer, prompt, max_tokens=8)
    pieces = [r.text for r in mlx_lm.stream_generate(model, tokenizer, prompt, max_tokens=8)]
    assert "".join(pieces) == whole
    answers = mlx_lm.batch_generate(model, tokenizer, [prompt, prompt[:4]], max_tokens=8)
    assert len(answers.texts) == 2
    sampler = make_sampler(temp=1.0)
    assert mlx_lm.generate(model, tokenizer, prompt, max_tokens=4, sampler=sampler) is not None


@pytest.mark.parametrize("mode", MODES)
def test_a_saved_prompt_cache_goes_on(
    adapter: tuple[Path, Path], tmp_path: Path, mode: Mode
) -> None:
    model = load_model(*adapter, mode)

    def answer(prompt: mx.array, cache: list[Any]) -> list[int]:
        return [
            int(token)
            for token, _ in generate_step(prompt, model, max_tokens=5, prompt_cache=cache)
        ]

    cache = make_prompt_cache(model)
    model(IDS[:, :4], cache=cache)
    save_prompt_cache(str(tmp_path / "cache.safetensors"), cache)
    again = load_prompt_cache(str(tmp_path / "cache.safetensors"))
    assert len(again) == len(cache)
    assert answer(IDS[0, 4:], again) == answer(IDS[0, 4:], cache)


def test_the_detached_model_never_holds_the_blocks(tmp_path: Path) -> None:
    folder = write_tiny_backbone(
        tmp_path / "backbone", num_hidden_layers=12, intermediate_size=4096
    )
    adapter = write_adapter(tmp_path / "adapter", folder, shadow_intermediate_size=16)
    blocks = 12 * 3 * 32 * 4096 * 4  # bytes of the MLPs
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    detached = load_model(None, adapter, "detached")
    mx.eval(detached(IDS))
    held = mx.get_active_memory() - before
    assert held < blocks / 50
    assert mx.get_peak_memory() - before < blocks / 10  # one lazy tensor more, at most
    del detached
    attached = load_model(None, adapter)
    assert mx.get_active_memory() - before > blocks
    del attached


def test_by_default_the_adapters_own_backbone(tiny_backbone: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path, tiny_backbone)
    model, tokenizer = shadow_mlx.load(adapter_path=tmp_path)
    assert model.model_type == "qwen3"
    assert tokenizer.eos_token == "<|im_end|>"
    assert mx.array_equal(shadow_mlx.load_model(str(tiny_backbone), str(tmp_path))(IDS), model(IDS))


def test_an_adapter_that_does_not_record_its_backbone(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path, tiny_backbone)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = None
    (folder / "adapter_config.json").write_text(json.dumps(config))
    for mode in MODES:
        with pytest.raises(InputError, match="does not record its backbone"):
            load_model(None, folder, mode)
    assert load_model(tiny_backbone, folder)(IDS).shape == (1, 6, 259)


def test_the_original_variant_in_every_mode(tiny_backbone: Path, tmp_path: Path) -> None:
    model, config, _ = load_backbone(tiny_backbone)
    attached = attach(model, config, ShadowConfig(sharing="layer"), variant="original")
    for layer in attached.shadow.layers:
        layer.up.weight = mx.ones_like(layer.up.weight)
    save_adapter(tmp_path, attached, backbone=str(tiny_backbone), backbone_config=config)
    assert adapter_backbone(tmp_path) == str(tiny_backbone.resolve())
    assert mx.allclose(load_model(None, tmp_path)(IDS), attached.eval()(IDS), atol=1e-5)
    detached = load_model(None, tmp_path, "detached")
    assert mx.allclose(detached(IDS), attached.detached()(IDS), atol=1e-5)


def test_the_base_needs_no_adapter(tiny_backbone: Path) -> None:
    model, _ = load(tiny_backbone, mode="base")
    assert model(IDS).shape == (1, 6, 259)


def test_a_folder_without_tokenizer(tmp_path: Path) -> None:
    folder = write_tiny_backbone(tmp_path / "b")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert load_model(folder, mode="base")(IDS).shape == (1, 6, 259)
    with pytest.raises(ModelError, match="has no tokenizer"):
        load(folder, mode="base")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="its tokenizer cannot be loaded"):
        load_tokenizer(folder)
    with pytest.raises(ModelError, match="no such folder"):
        load_tokenizer("mlx-community/Qwen3-0.6B-4bit")


def test_a_mode_that_cannot_be(tiny_backbone: Path, tmp_path: Path) -> None:
    for mode in ("attached", "detached"):
        with pytest.raises(InputError, match="needs an adapter"):
            load_model(tiny_backbone, mode=mode)
    with pytest.raises(InputError, match="expected attached, detached or base"):
        load_model(tiny_backbone, mode="fused")
    with pytest.raises(CheckpointError, match="holds no adapter"):
        load_model(tiny_backbone, tmp_path)


def test_a_backbone_that_does_not_load(tmp_path: Path) -> None:
    def refused(expected: str, **changes: Any) -> None:
        folder = write_tiny_backbone(tmp_path / "b")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(ModelError, match=expected) as caught:
            load_backbone(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)

    refused("Model type nothing_known not supported by mlx-lm", model_type="nothing_known")
    refused("its config.json cannot be used", hidden_size="wide")
    refused("its weights do not fit its config.json: Missing", num_hidden_layers=4)
    refused("its weights do not fit its config.json: Received", num_hidden_layers=2)
    refused("its weights do not fit its config.json: Expected shape", intermediate_size=40)
    refused("run code of its own", model_file="model.py")
    folder = write_tiny_backbone(tmp_path / "b")
    config = json.loads((folder / "config.json").read_text())
    del config["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="hidden_size"):
        load_backbone(folder)


def test_a_backbone_whose_weights_are_damaged(tmp_path: Path) -> None:
    folder = write_tiny_backbone(tmp_path / "b")
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    for damaged in (content[: len(content) // 2], content[:50], b"", b"version https://git-lfs"):
        weights.write_bytes(damaged)
        with pytest.raises(ModelError, match="incomplete"):
            load_model(folder, mode="base")


def test_an_adapter_of_another_backbone(tiny_backbone: Path, tmp_path: Path) -> None:
    other = write_tiny_backbone(tmp_path / "other", num_hidden_layers=2)
    folder = write_adapter(tmp_path / "adapter", other)
    with pytest.raises(CheckpointError, match="belongs to another backbone"):
        load_model(tiny_backbone, folder)


def test_an_answer_ends_where_the_template_ends_a_turn(tmp_path: Path) -> None:
    """Base models end a text by one token, and their template a turn by another."""
    folder = write_tiny_backbone(tmp_path / "m", eos_token_id=0)
    settings = folder / "tokenizer_config.json"
    values = json.loads(settings.read_text()) if settings.exists() else {}
    settings.write_text(json.dumps({**values, "eos_token": "<|endoftext|>"}))
    _, tokenizer = load(folder, mode="base")
    ends = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])
    assert tokenizer.eos_token_ids == set(ends)
