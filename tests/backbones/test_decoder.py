"""Where a model keeps its decoder loop, found once and described plainly."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.errors import UnsupportedArchitectureError
from tests.shadow.tiny_models import QWEN3, VOCABULARY, backbone, tokens

GEMMA3 = {
    "model_type": "gemma3",
    "vocab_size": VOCABULARY,
    "text_config": QWEN3 | {"model_type": "gemma3_text", "sliding_window_pattern": 3},
}
NEOX = {"model_type": "gpt_neox", "layer_norm_eps": 1e-5, "rotary_emb_base": 10000, "rotary_pct": 1}


class Model(nn.Module):
    """A model that the finder has never seen."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.model = inner


class Uncached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(4, 2)
        self.layers = [nn.Linear(2, 2)]

    def __call__(self, inputs: mx.array) -> mx.array:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("changes", "path", "blocks_path", "embedding_name"),
    [
        ({}, ("model",), ("layers",), "embed_tokens"),
        (GEMMA3, ("language_model", "model"), ("layers",), "embed_tokens"),
        (NEOX, ("model",), ("h",), "embed_in"),
        (
            {"model_type": "plamo", "n_shared_head": 2},
            ("model",),
            ("layers", "layers"),
            "embed_tokens",
        ),
    ],
    ids=["qwen3", "gemma3", "gpt_neox", "plamo"],
)
def test_the_decoder_is_found(
    changes: dict[str, Any], path: Any, blocks_path: Any, embedding_name: str
) -> None:
    decoder = find_decoder(backbone(**changes))
    assert (decoder.path, decoder.blocks_path) == (path, blocks_path)
    assert decoder.embedding_name == embedding_name
    assert decoder.name == changes.get("model_type", "qwen3")
    assert len(decoder.blocks) == 3
    assert decoder.final_hidden(tokens(5)).shape == (1, 5, 64)


def test_the_arguments_are_those_of_the_text_model() -> None:
    arguments = find_decoder(backbone(**GEMMA3)).arguments
    assert arguments["num_attention_heads"] == 4
    assert arguments["sliding_window"] == 512  # a default that the configuration leaves out


def test_a_model_without_a_cache_is_refused() -> None:
    with pytest.raises(UnsupportedArchitectureError, match="takes no cache argument"):
        find_decoder(Model(Uncached()))


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(UnsupportedArchitectureError, match="no module holds both a list of dec"):
        find_decoder(Model(nn.Embedding(4, 2)))


def test_blocks_are_replaced_where_they_are() -> None:
    decoder = find_decoder(backbone(model_type="plamo", n_shared_head=2))
    decoder.replace_blocks(decoder.blocks[:2])
    assert len(decoder.model.model.layers.layers) == 2
