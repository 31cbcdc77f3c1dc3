"""The detached model as an mlx-lm model: what is folded, what is added, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.export.standalone import difference, standalone, tolerance
from shadow_mlx.shadow.attached import attach
from shadow_mlx.shadow.detached import DetachedModel
from tests.architectures.matrix import BY_NAME, build, perturb
from tests.shadow.tiny_models import QWEN3, VOCABULARY, attached, backbone


def explicit_folder(folder: Path, **changes: Any) -> Path:
    """A small model whose tokens are those of the backbone, and some more."""
    config = QWEN3 | {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 100} | changes
    model = backbone(**config)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())))
    return folder


def with_explicit(name: str, folder: Path) -> DetachedModel:
    config = BY_NAME[name].config | {"vocab_size": 96}
    shadowed = attach(build(config), config, ShadowConfig(rank=4, shadow=str(folder)))
    perturb(shadowed.shadow, seed=2, scale=0.1)
    return shadowed.eval().detached()


def test_a_mirror_as_wide_as_its_backbone_shares_the_table_and_stays_tied() -> None:
    detached = attached(shadow_layers=1).detached()
    found = standalone(detached)
    assert not found.own_head
    assert found.config["tie_word_embeddings"] is True
    assert found.config["num_hidden_layers"] == 1
    assert found.model.model.embed_tokens is detached.embedding
    assert difference(detached, found.model) < 1e-6


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("bits", [None, 4])
def test_a_narrower_one_has_two_tables(tied: bool, bits: int | None) -> None:
    model = backbone(tie_word_embeddings=tied)
    if bits:
        nn.quantize(model, 32, bits)
    detached = attached(model, shadow_layers=1, shadow_hidden_size=32).detached()
    found = standalone(detached)
    assert found.own_head
    assert found.config["tie_word_embeddings"] is False
    assert found.config["hidden_size"] == 32
    assert found.model.model.embed_tokens.weight.shape == (VOCABULARY, 32)
    assert difference(detached, found.model) < 1e-6


def test_half_precision_and_a_quantized_table_are_kept() -> None:
    model = backbone(mx.bfloat16)
    nn.quantize(model, 32, 4)
    shadowed = attached(model, shadow_layers=1)
    shadowed.shadow.backbone.cast(mx.bfloat16)
    detached = shadowed.detached()
    found = standalone(detached)
    assert isinstance(found.model.model.embed_tokens, nn.QuantizedEmbedding)
    assert difference(detached, found.model) < 1e-3


@pytest.mark.parametrize("bits", [None, 4])
@pytest.mark.parametrize("tied", [True, False])
def test_half_precision_with_folded_tables_is_near(bits: int | None, tied: bool) -> None:
    model = backbone(mx.bfloat16, tie_word_embeddings=tied)
    if bits:
        nn.quantize(model, 32, bits)
    shadowed = attached(model, shadow_layers=1, shadow_hidden_size=32)
    shadowed.shadow.backbone.cast(mx.bfloat16)
    detached = shadowed.detached()
    found = standalone(detached)
    kinds = {value.dtype for _, value in tree_flatten(found.model.parameters())}
    assert kinds == {mx.bfloat16}
    assert detached.shadow.state_dtype == mx.bfloat16  # as it was
    assert 0 < difference(detached, found.model) < tolerance(detached)


def test_an_explicit_shadow_keeps_its_table_and_gets_the_backbones_head(tmp_path: Path) -> None:
    detached = with_explicit("llama", explicit_folder(tmp_path / "shadow"))
    found = standalone(detached)
    assert found.config["model_type"] == "qwen3"
    assert found.config["vocab_size"] == 96  # the backbone's; its tokenizer knows no more
    assert difference(detached, found.model) < 1e-6


def test_the_number_that_a_backbone_scales_its_logits_by_goes_into_the_head(tmp_path: Path) -> None:
    detached = with_explicit("granite", explicit_folder(tmp_path / "shadow"))
    found = standalone(detached)
    assert difference(detached, found.model) < 1e-6


def test_a_soft_cap_that_the_shadows_architecture_has_not_is_refused(tmp_path: Path) -> None:
    detached = with_explicit("gemma2", explicit_folder(tmp_path / "shadow"))
    detached.head_view.view.final_logit_softcapping = 1.0  # strong enough to bend these logits
    with pytest.raises(UnsupportedArchitectureError, match="soft cap"):
        standalone(detached)


def test_a_model_that_answers_otherwise_is_never_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detached = attached(shadow_layers=1).detached()
    monkeypatch.setattr("shadow_mlx.export.standalone.TOKENS", 8)
    found = standalone(detached).model
    found.model.norm.weight = found.model.norm.weight + mx.array([1.0] + [0.0] * 63)
    assert difference(detached, found) > tolerance(detached)
    found.model.norm.weight = mx.full((64,), float("nan"))
    assert difference(detached, found) == float("inf")
