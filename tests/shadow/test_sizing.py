"""How large a shadow is that nobody has sized."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.keys import family_of
from shadow_mlx.backbones.skeleton import build_backbone
from shadow_mlx.checkpoints.peft_mirror import why_not_for_peft
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.sizing import LEAST_BUDGET, PER_CHANNEL, module_parameters, sized
from tests.shadow.tiny_models import QWEN3, backbone

# The published shapes, and how many numbers the paper trains for them.
QWEN3_0_6B = {"hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
              "intermediate_size": 3072, "tie_word_embeddings": True}  # fmt: skip
QWEN3_4B = {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32,
            "intermediate_size": 9728, "tie_word_embeddings": True}  # fmt: skip
QWEN3_8B = {"hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
            "intermediate_size": 12288, "tie_word_embeddings": False}  # fmt: skip
COMMON = {**QWEN3, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936}


def shadowed(
    shape: dict[str, Any], budget: float | None = None, **options: Any
) -> tuple[AttachedModel, ShadowConfig]:
    """A sized shadow on a backbone of which nothing is evaluated."""
    config = {**COMMON, **shape}
    model = build_backbone(config, "it")
    found = sized(ShadowConfig(**options), budget, find_decoder(model), config)
    return attach(model, config, found), found


def trained(model: AttachedModel) -> int:
    return sum(value.size for _, value in tree_flatten(model.trainable_parameters()))


@pytest.mark.parametrize(
    ("shape", "paper"), [(QWEN3_0_6B, 9.07e6), (QWEN3_4B, 23.4e6), (QWEN3_8B, 29.1e6)]
)
def test_by_itself_it_has_no_more_numbers_than_the_papers(
    shape: dict[str, Any], paper: float
) -> None:
    model, config = shadowed(shape)
    assert trained(model) <= paper
    assert why_not_for_peft(model, {**COMMON, **shape}, family_of("qwen3")) is None
    assert config.shadow_kv_heads is None  # PEFT cannot set them


@pytest.mark.parametrize("model_type", ["llama", "qwen2", "phi3"])
def test_heads_are_left_out_only_where_peft_can_build_the_rest(model_type: str) -> None:
    """These declare no width of a head: in two of them it would follow the number of heads."""
    shape = {**QWEN3_0_6B, "hidden_size": 2048, "num_attention_heads": 32}
    config = {name: v for name, v in {**COMMON, **shape}.items() if name != "head_dim"}
    config["model_type"] = model_type
    model = build_backbone(config, "it")
    found = sized(ShadowConfig(), None, find_decoder(model), config)
    assert (found.shadow_heads is None) is (model_type != "llama")
    assert why_not_for_peft(attach(model, config, found), config, family_of(model_type)) is None


def test_a_small_backbones_mirror_is_whole() -> None:
    model, config = shadowed({**QWEN3, "num_hidden_layers": 4})
    assert (config.layers, config.shadow_heads, config.shadow_intermediate_size) == (2, None, None)
    assert trained(model) < LEAST_BUDGET


@pytest.mark.parametrize("budget", [7e6, 12e6, 20e6, 0.02])
def test_a_budget_is_kept_and_used(budget: float) -> None:
    model, config = shadowed(QWEN3_0_6B, budget)
    allowed = budget if budget > 1 else budget * 596_049_920
    one_step = config.layers * 3 * 1024 * 32
    assert allowed - one_step < trained(model) <= allowed


def test_without_a_budget_open_sizes_are_the_backbones() -> None:
    _, config = shadowed(QWEN3_0_6B, 0.0)
    assert (config.layers, config.shadow_heads, config.shadow_intermediate_size) == (2, None, None)


def test_what_is_named_is_kept() -> None:
    named = {"shadow_layers": 2, "shadow_heads": 16, "shadow_intermediate_size": 96}
    _, config = shadowed(QWEN3_0_6B, **named)
    assert {name: getattr(config, name) for name in named} == named


def test_a_budget_that_is_too_small_says_what_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"--shadow-budget 1000: the smallest .* has [\d,]+"):
        shadowed(QWEN3_0_6B, 1000.0)


def test_the_modules_are_counted_as_they_are_made() -> None:
    decoder = find_decoder(backbone())
    for sharing in ("update", "depth", "layer"):
        options = ShadowConfig(rank=4, update_hidden_size=6, sharing=sharing)
        model = attach(backbone(), QWEN3, options)
        layers = tree_flatten([layer.parameters() for layer in model.shadow.layers])
        counted = module_parameters(options, QWEN3["hidden_size"], len(decoder.blocks))
        assert counted == sum(value.size for _, value in layers)


def test_an_explicit_shadow_has_its_own_sizes() -> None:
    explicit = dataclasses.replace(ShadowConfig(), shadow="somewhere")
    assert sized(explicit, 5.0, find_decoder(backbone()), QWEN3) is explicit


GEMMA_4_E2B = {
    "model_type": "gemma4_text",
    **{"hidden_size": 1536, "num_hidden_layers": 35, "num_attention_heads": 8, "head_dim": 256},
    **{"num_key_value_heads": 1, "intermediate_size": 6144, "vocab_size": 262_144},
}
GEMMA_3N_E2B = {
    "model_type": "gemma3n",
    "text_config": {
        "model_type": "gemma3n_text",
        **{"hidden_size": 2048, "num_hidden_layers": 30, "num_attention_heads": 8, "head_dim": 256},
        **{"num_key_value_heads": 2, "intermediate_size": [8192] * 30, "vocab_size": 262_400},
        **{"num_kv_shared_layers": 10, "vocab_size_per_layer_input": 262_144, "laurel_rank": 64},
        **{
            "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 6,
            "rms_norm_eps": 1e-6,
        },
        **{"sliding_window": 512, "max_position_embeddings": 32_768, "rope_theta": 1e6},
        **{"rope_local_base_freq": 1e4, "final_logit_softcapping": 30.0, "altup_coef_clip": 120.0},
        **{"activation_sparsity_pattern": [0.95] * 10 + [0.0] * 20, "altup_num_inputs": 4},
        **{"hidden_size_per_layer_input": 256, "altup_correct_scale": True, "altup_active_idx": 0},
    },
}


@pytest.mark.parametrize("config", [GEMMA_4_E2B, GEMMA_3N_E2B], ids=["gemma 4", "gemma 3n"])
def test_what_is_the_backbones_around_the_blocks_takes_nothing_of_the_budget(
    config: dict[str, Any],
) -> None:
    """Per-layer embeddings and their projections: hundreds of times the shadow."""
    model = build_backbone(config, "it")
    decoder = find_decoder(model)
    width = int(decoder.arguments["hidden_size"])
    found = sized(ShadowConfig(), 0.02, decoder, config)
    assert 0.5 * 0.02 < trained(attach(model, config, found)) / get_total_parameters(model) < 0.02
    small = build_backbone(config, "it")
    found = sized(ShadowConfig(), None, find_decoder(small), config)
    assert trained(attach(small, config, found)) < 2 * PER_CHANNEL * width
