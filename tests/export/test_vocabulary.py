"""A model of fewer tokens gives these the logits that the whole one gives them."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from shadow_mlx import loading
from shadow_mlx.config import ColumnConfig, ShadowConfig, TemplateConfig
from shadow_mlx.export.standalone import difference, standalone
from shadow_mlx.export.vocabulary import cut_model, tokens_of
from shadow_mlx.shadow.attached import attach
from tests.shadow.tiny_models import QWEN3, backbone

KEPT = {old: new for new, old in enumerate([0, 3, 4, 17, 40, 63])}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("bits", [None, 4])
def test_logits_of_kept_tokens_stay(tied: bool, bits: int | None) -> None:
    model = backbone(tie_word_embeddings=tied)
    if bits:
        nn.quantize(model, 32, bits)
    config = QWEN3 | {"tie_word_embeddings": tied}
    shadowed = attach(model, config, ShadowConfig(rank=4, shadow_layers=1)).eval()
    detached = shadowed.detached()
    before = detached(mx.array([[3, 17]]))
    found = standalone(detached)
    cut_model(found, KEPT)
    assert found.config["vocab_size"] == 6
    assert found.model(mx.array([[1, 3]])).shape == (1, 2, 6)
    assert difference(detached, found.model, list(KEPT)) < 1e-6
    np.testing.assert_array_equal(detached(mx.array([[3, 17]])), before)  # it stays as it was


def test_tokens_of_all_that_a_model_is_given(tmp_path: Path, tiny_backbone: Path) -> None:
    tokenizer = loading.load_tokenizer(tiny_backbone)
    file = tmp_path / "chats.jsonl"
    turns = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]
    other = [{"role": "user", "content": "z"}, {"role": "assistant", "content": "ab" * 5000}]
    file.write_text("".join(json.dumps({"messages": one}) + "\n" for one in (turns, other)))
    found = tokens_of(str(file), tokenizer, ColumnConfig(), TemplateConfig())
    texts = "".join(sorted(tokenizer.decode([number]) for number in found if number > 2))
    assert texts == "".join(sorted(set("user\nassistant" + "abcz")))
    assert {1, 2} <= set(found)  # the template's own
