"""The configuration of an exported model: cut to its blocks, and nothing else of it."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.export.shape import shape_config

NETWORK: dict[str, Any] = {
    "model_type": "smollm3",
    "architectures": ["A", "B", "C", "D"],
    "num_hidden_layers": 4,
    "hidden_size": 32,
    "hidden_act": "silu",  # as long as the model is deep
    "layer_types": ["full_attention", "full_attention", "sliding_attention", "full_attention"],
    "eos_token_id": [1, 2, 3, 4],
    "vocab_size": 96,
    "tie_word_embeddings": True,
    "quantization": {"bits": 4},
    "rope_parameters": {"mrope_section": [1, 1, 1, 1]},
}


def shaped(network: dict[str, Any], **changes: Any) -> dict[str, Any]:
    options = {"depth": 4, "blocks": 2, "own_head": False, "vocabulary": 96, "declared": {}}
    return shape_config(network, **(options | changes))


def test_what_is_said_of_each_layer_is_cut_and_the_rest_stays() -> None:
    found = shaped(NETWORK)
    expected = {name: value for name, value in NETWORK.items() if name != "quantization"}
    expected |= {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}
    assert found == expected
    assert len(NETWORK["layer_types"]) == 4


def test_a_head_of_its_own_and_fewer_tokens() -> None:
    found = shaped(NETWORK, own_head=True, vocabulary=50)
    assert found["tie_word_embeddings"] is False
    assert found["vocab_size"] == 50


def test_the_language_part_of_a_wrapped_model() -> None:
    found = shaped(
        {"model_type": "gemma3", "vocab_size": 96, "text_config": NETWORK}, own_head=True
    )
    assert found["text_config"]["num_hidden_layers"] == 2
    assert found["text_config"]["tie_word_embeddings"] is False
    assert "num_hidden_layers" not in found


@pytest.mark.parametrize("name", ["num_layers", "n_layer"])
def test_a_depth_that_only_the_architecture_declares(name: str) -> None:
    found = shaped({"model_type": "gpt2"}, declared={name: 4})
    assert found[name] == 2


def test_a_pattern_in_letters_and_a_scale_by_depth() -> None:
    found = shaped({"model_type": "minicpm", "hybrid_pattern": "M-*M", "scale_depth": 1.4})
    assert found["hybrid_pattern"] == "M-"
    assert found["scale_depth"] == pytest.approx(1.4 * (2 / 4) ** 0.5)


def test_gpt_neox_takes_its_mlp_from_its_width() -> None:
    assert shaped({"model_type": "gpt_neox", "hidden_size": 16})["intermediate_size"] == 64


@pytest.mark.parametrize(("blocks", "shared"), [(1, 0), (2, 0), (3, 1), (4, 2)])
def test_the_last_layers_share_keys_and_values_as_before(blocks: int, shared: int) -> None:
    network = NETWORK | {"num_kv_shared_layers": 2}
    assert shaped(network, blocks=blocks)["num_kv_shared_layers"] == shared
    assert "num_kv_shared_layers" not in shaped(NETWORK)
