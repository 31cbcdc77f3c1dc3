"""The shadow's own network: its start, its embeddings, its dtype, its caches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ModelError
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.network import seeded
from tests.architectures.matrix import BY_NAME, attach_tiny, build
from tests.shadow.tiny_models import QWEN3, attached, backbone, difference, tokens


def write_model(folder: Path, *, quantize: bool = False, **changes: Any) -> Path:
    """A folder with a tiny model that mlx-lm loads."""
    config, model = QWEN3 | changes, backbone(**changes)
    if quantize:
        nn.quantize(model, group_size=32, bits=4)
        config["quantization"] = {"group_size": 32, "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "pt"})
    return folder


def fresh(seed: int = 0, **options: Any) -> AttachedModel:
    return attach(backbone(), QWEN3, ShadowConfig(rank=4, **options), seed=seed)


def weights(model: AttachedModel) -> dict[str, mx.array]:
    return dict(tree_flatten(model.trainable_parameters()))


def test_a_seed_gives_the_same_shadow_and_another_seed_another() -> None:
    first, again, other = (weights(fresh(seed)) for seed in (5, 5, 6))
    assert all(mx.array_equal(again[name], value) for name, value in first.items())
    assert not mx.array_equal(
        other["shadow.layers.0.down.weight"], first["shadow.layers.0.down.weight"]
    )


def test_the_callers_random_numbers_are_left_alone() -> None:
    mx.random.seed(11)
    expected = mx.random.normal((4,))
    after = mx.random.normal((4,))
    mx.random.seed(11)
    assert mx.array_equal(mx.random.normal((4,)), expected)
    fresh()
    assert mx.array_equal(mx.random.normal((4,)), after)


def test_a_failure_gives_the_callers_random_numbers_back_too() -> None:
    mx.random.seed(12)
    before = mx.random.state[0].tolist()
    with pytest.raises(KeyError), seeded(3):
        raise KeyError
    assert mx.random.state[0].tolist() == before


def test_matrices_start_small_and_norms_at_one() -> None:
    start = weights(fresh())
    matrix = start["shadow.backbone.inner.layers.0.mlp.up_proj.weight"]
    # 4096 draws from N(0, 0.02²): outside of this once in 10⁹ seeds
    assert 0.018 < float(matrix.square().mean().sqrt()) < 0.022
    assert mx.array_equal(start["shadow.backbone.inner.norm.weight"], mx.ones(64))


def test_an_equal_width_shares_the_frozen_embeddings_and_learns_no_projection() -> None:
    names = weights(fresh())
    assert not [name for name in names if "embed" in name or "projection" in name]


def test_a_smaller_width_learns_two_projections() -> None:
    model = fresh(shadow_hidden_size=32)
    found = {name: v.shape for name, v in weights(model).items() if "projection" in name}
    assert found == {
        "shadow.backbone.inner.embed_tokens.projection.weight": (32, 64),
        "shadow.backbone.projection.weight": (64, 32),
    }
    _, s0 = model.hidden(tokens(4))
    assert s0.shape == (1, 4, 64)


def test_an_explicit_shadow_brings_its_frozen_embeddings_and_is_projected(tmp_path: Path) -> None:
    folder = write_model(tmp_path, hidden_size=32, num_hidden_layers=2)
    model = attached(shadow=str(folder))
    names = weights(model)
    assert names["shadow.backbone.projection.weight"].shape == (64, 32)
    assert not [name for name in names if "embed" in name]
    assert len(model.shadow.backbone.layers) == 2
    cache = model.make_cache()
    assert len(cache) == 3 + 2
    inputs = tokens(9)
    parts = [model(inputs[:, a:b], cache=cache) for a, b in ((0, 5), (5, 6), (6, 9))]
    assert difference(mx.concatenate(parts, axis=1), model(inputs)) < 1e-5


def test_an_explicit_shadow_of_a_smaller_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path, vocab_size=60)
    with pytest.raises(ModelError, match="its vocabulary has 60 tokens and the backbone's 64"):
        fresh(shadow=str(folder))


def test_a_quantized_explicit_shadow_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path, quantize=True)
    with pytest.raises(ModelError, match="quantized weights cannot be trained"):
        fresh(shadow=str(folder))


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        fresh(shadow=str(tmp_path))


def test_the_shadow_computes_in_float32_until_it_is_cast() -> None:
    model = attached(backbone(mx.bfloat16))
    cache = model.shadow.backbone.make_cache()
    model.shadow.backbone(tokens(4), cache)
    assert cache[0].keys.dtype == mx.float32
    model.shadow.backbone.cast(mx.bfloat16)
    cache = model.shadow.backbone.make_cache()
    assert model.shadow.backbone(tokens(4), cache).dtype == mx.bfloat16
    assert cache[0].keys.dtype == mx.bfloat16


def test_what_stands_around_a_mirrors_blocks_is_the_backbones(uncompiled: None) -> None:
    """A table with columns for every block would be most of the shadow."""
    family = BY_NAME["gemma4_text"]
    theirs = build(family.config)
    theirs.set_dtype(mx.bfloat16)
    model = attach_tiny(family, theirs)
    assert not [name for name in weights(model) if "per_layer_model" in name or "tokens" in name]
    table = model.decoder.around["embed_tokens_per_layer"]
    lent = model.shadow.backbone.inner.embed_tokens_per_layer
    inputs = tokens(5)
    assert lent(inputs).dtype == mx.float32
    assert mx.array_equal(lent(inputs), table(inputs))
    model.shadow.backbone.cast(mx.bfloat16)
    assert lent(inputs).dtype == mx.bfloat16
    narrow = attach_tiny(family, build(family.config), shadow_hidden_size=16, shadow_heads=2)
    own = "shadow.backbone.inner.per_layer_model_projection.weight"
    assert weights(narrow)[own].shape == (4 * 8, 16)
    assert "shadow.backbone.inner.embed_tokens_per_layer.weight" not in weights(narrow)


def test_an_explicit_shadows_tables_stay_as_they_came(tmp_path: Path, uncompiled: None) -> None:
    family = BY_NAME["gemma4_text"]
    config = dict(family.config)
    own = build(config)
    (tmp_path / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(
        str(tmp_path / "model.safetensors"), dict(tree_flatten(own.parameters())), {"format": "pt"}
    )
    model = attach(build(config), config, ShadowConfig(rank=4, shadow=str(tmp_path)))
    trained = weights(model)
    assert "shadow.backbone.inner.per_layer_model_projection.weight" in trained
    assert not [name for name in trained if "embed_tokens" in name]
