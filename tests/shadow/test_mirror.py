"""The mirror's widths: what follows, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.mirror import declared_size, mirror_model_config, new_mirror
from tests.architectures.matrix import BY_NAME, build
from tests.shadow.tiny_models import QWEN3, backbone

DECODER = find_decoder(backbone())
MOE = {
    "model_type": "qwen3_moe",
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
}


def widths(**options: Any) -> dict[str, Any]:
    return mirror_model_config(DECODER, QWEN3, ShadowConfig(**options))


def refusal(decoder: Any = DECODER, config: Any = QWEN3, **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        new_mirror(decoder, config, ShadowConfig(**options))
    return str(refused.value)


def test_without_settings_it_is_the_backbones_configuration() -> None:
    quantized = QWEN3 | {"quantization": {"bits": 4}, "quantization_config": {"bits": 4}}
    assert mirror_model_config(DECODER, quantized, ShadowConfig()) == QWEN3


def test_every_width_is_set_and_the_depth_is_kept() -> None:
    found = widths(
        shadow_hidden_size=32,
        shadow_intermediate_size=40,
        shadow_heads=6,
        shadow_kv_heads=3,
        shadow_head_dim=8,
        shadow_layers=1,
    )
    assert found == QWEN3 | {
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "head_dim": 8,
    }


def test_key_value_heads_shrink_with_the_heads() -> None:
    assert widths(shadow_heads=3)["num_key_value_heads"] == 1


def test_a_head_keeps_its_width_where_the_backbone_does_not_declare_it() -> None:
    undeclared = {k: v for k, v in QWEN3.items() if k != "head_dim"} | {"model_type": "llama"}
    decoder = find_decoder(backbone(model_type="llama", head_dim=None))
    narrow = mirror_model_config(decoder, undeclared, ShadowConfig(shadow_hidden_size=24))
    assert narrow["head_dim"] == QWEN3["hidden_size"] // QWEN3["num_attention_heads"]


def test_experts_take_the_mlp_width_too() -> None:
    config = QWEN3 | MOE
    found = mirror_model_config(
        find_decoder(backbone(**MOE)), config, ShadowConfig(shadow_intermediate_size=16)
    )
    assert found["moe_intermediate_size"] == 16


def test_heads_that_do_not_divide_are_named() -> None:
    assert refusal(shadow_heads=4, shadow_kv_heads=3) == (
        "--shadow-heads 4 is not a multiple of the 3 key/value heads"
    )


def test_a_width_that_does_not_divide_is_named() -> None:
    changes = {"model_type": "qwen2"}  # takes no head dim
    message = refusal(find_decoder(backbone(**changes)), QWEN3 | changes, shadow_hidden_size=30)
    assert "the shadow's width 30 is not a multiple of its 4 heads" in message


def test_a_setting_that_the_architecture_lacks_is_named() -> None:
    changes = {"model_type": "qwen2"}
    message = refusal(find_decoder(backbone(**changes)), QWEN3 | changes, shadow_head_dim=8)
    assert message.startswith("--shadow-head-dim: qwen2 has no such setting (head_dim")


def test_settings_that_the_class_refuses_say_so() -> None:
    message = refusal(shadow_head_dim=7)
    assert message.startswith("the mirror of qwen3 cannot be built with these settings: ")


def test_more_layers_than_the_backbone_has_are_refused() -> None:
    assert refusal(shadow_layers=4) == (
        "--shadow-layers 4: the mirror cannot be deeper than its backbone (3 layers)"
    )


def test_a_mirror_keeps_the_loop_at_full_depth_but_only_its_own_blocks() -> None:
    network = new_mirror(DECODER, QWEN3, ShadowConfig(shadow_layers=2))
    assert len(network.decoder.blocks) == network.caches == 2
    assert len(network.decoder.inner.layers) == 3
    assert network.decoder.inner.layers[2].parameters() == {}


def test_a_list_that_says_one_size_of_all_layers_is_one_setting() -> None:
    config = BY_NAME["gemma3n"].config
    decoder = find_decoder(build(config))
    found = mirror_model_config(decoder, config, ShadowConfig(shadow_intermediate_size=20))
    assert found["text_config"]["intermediate_size"] == [20] * 5
    assert declared_size({"hidden_size": [8, 8]}, ("hidden_size",)) == 8
    assert declared_size({"hidden_size": [8, 6]}, ("hidden_size",)) is None
