"""The tiny model of every family that both transformers and mlx-lm know.

``options`` make the transformers config. ``legacy`` repeats, under the older top-level names that
mlx-lm reads, what transformers 5 saves elsewhere (`rope_parameters`, `layer_types`). Where a family
alternates layer kinds there are enough layers to show the pattern, and a sliding window shorter
than the seven tokens of the batch.
"""

from dataclasses import dataclass, field
from typing import Any

VOCAB = 96
THETA = 5000.0
LOCAL_THETA = 1000.0


@dataclass(frozen=True)
class Family:
    """How to build one family's tiny model, and how deep its mirrors are.

    ``mlx`` overrides the config in the golden after transformers has used it; ``strip`` is a prefix
    taken off the tensor names.
    """

    options: dict[str, Any]
    legacy: dict[str, Any] = field(default_factory=dict)
    mlx: dict[str, Any] = field(default_factory=dict)
    strip: str = ""
    shadow_layers: tuple[int, ...] = (1, 2)
    note: str = ""


SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
MOE: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
ROPE = {"rope_type": "default", "rope_theta": THETA}
HEAD_SCALE = "PEFT's detached head leaves out the family's logit scale"
EXACT_GELU = "mlx-lm computes the exact GELU here where transformers' default is the tanh form"

# A linear attention's output is normalised, however close to nothing one key and one query left it.
# With the usual 1e-6 a rounding error in the embeddings grows ten thousandfold on random weights.
LINEAR_ATTENTION_EPS = 1e-2


def partial(factor: float) -> dict[str, Any]:
    """Rope parameters with only a part of each head rotated."""
    return ROPE | {"partial_rotary_factor": factor}


def llama_like(**changes: Any) -> Family:
    """A family whose config reads like Llama's."""
    legacy = {"rope_theta": THETA}
    rope = changes.get("rope_parameters", {})
    if "partial_rotary_factor" in rope:
        legacy["partial_rotary_factor"] = rope["partial_rotary_factor"]
    legacy |= changes.pop("legacy", {})
    note = changes.pop("note", "")
    mlx = changes.pop("mlx", {})
    shadow_layers = changes.pop("shadow_layers", (1, 2))
    options = SIZES | {"rope_parameters": ROPE} | changes
    return Family(options, legacy, mlx, shadow_layers=shadow_layers, note=note)


SLIDING = ["sliding_attention", "sliding_attention", "full_attention"]
GPT2_SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "n_embd": 32,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

FAMILIES: dict[str, Family] = {
    "llama": llama_like(head_dim=8, tie_word_embeddings=True),
    "mistral": llama_like(head_dim=8, sliding_window=None),
    "qwen2": llama_like(tie_word_embeddings=True),
    "qwen3": llama_like(head_dim=8, tie_word_embeddings=True),
    "gemma": llama_like(head_dim=8, hidden_act="gelu_python", note=EXACT_GELU),
    "gemma2": llama_like(
        head_dim=8,
        num_hidden_layers=4,
        sliding_window=64,
        query_pre_attn_scalar=8,
        note="mlx-lm gives every Gemma 2 layer full attention: the window is longer than the batch",
    ),
    "gemma3_text": llama_like(
        head_dim=8,
        hidden_size=64,
        num_hidden_layers=6,
        sliding_window=4,
        query_pre_attn_scalar=8,
        layer_types=SLIDING * 2,
        rope_parameters={
            "full_attention": ROPE,
            "sliding_attention": {"rope_type": "default", "rope_theta": LOCAL_THETA},
        },
        legacy={"rope_local_base_freq": LOCAL_THETA, "sliding_window_pattern": 3},
        note="mlx-lm rounds the embedding scale to bfloat16: 8 = √64 is the same in both",
    ),
    "phi": llama_like(rope_parameters=partial(0.5)),
    "phi3": llama_like(rope_parameters=partial(1.0)),
    "olmo2": llama_like(),
    "olmo3": llama_like(
        num_hidden_layers=6,
        sliding_window=4,
        layer_types=SLIDING * 2,
        rope_parameters={"full_attention": ROPE, "sliding_attention": ROPE},
        shadow_layers=(1, 3),
    ),
    "smollm3": llama_like(num_hidden_layers=4, no_rope_layer_interval=2, tie_word_embeddings=True),
    "stablelm": llama_like(rope_parameters=partial(0.5), use_qkv_bias=True),
    "starcoder2": llama_like(
        hidden_act="gelu", sliding_window=None, tie_word_embeddings=True, note=EXACT_GELU
    ),
    "gpt2": Family(
        GPT2_SIZES,
        {"n_ctx": 64},
        strip="transformer.",
        note="mlx-lm reads GPT-2 tensors without the leading `transformer.`, as the hub has them",
    ),
    "gpt_bigcode": Family(
        GPT2_SIZES | {"n_inner": 64, "multi_query": True, "activation_function": "gelu"},
        note=EXACT_GELU,
    ),
    "gptj": Family(GPT2_SIZES | {"rotary_dim": 4}),
    "gpt_neox": llama_like(
        intermediate_size=128,
        hidden_act="gelu_pytorch_tanh",
        rope_parameters=partial(0.5),
        legacy={"rotary_emb_base": THETA, "rotary_pct": 0.5},
        note="mlx-lm fixes the MLP at four times the width and GELU at the tanh form",
    ),
    "cohere": llama_like(logit_scale=0.5, note=HEAD_SCALE),
    "cohere2": llama_like(
        head_dim=8,
        num_hidden_layers=6,
        sliding_window=4,
        layer_types=SLIDING * 2,
        logit_scale=0.5,
        legacy={"sliding_window_pattern": 3},
        shadow_layers=(1, 3),
        note=HEAD_SCALE,
    ),
    "granite": llama_like(
        logits_scaling=2.0,
        attention_multiplier=0.3,
        embedding_multiplier=3.0,
        residual_multiplier=0.7,
        note=HEAD_SCALE,
    ),
    "helium": llama_like(head_dim=8),
    "glm": llama_like(
        head_dim=8, rope_parameters=partial(1.0), note="mlx-lm rotates the whole head"
    ),
    "glm4": llama_like(head_dim=8, rope_parameters=partial(0.5)),
    "exaone4": llama_like(
        head_dim=8,
        num_hidden_layers=6,
        sliding_window=4,
        sliding_window_pattern="LLG",
        layer_types=SLIDING * 2,
        legacy={"rope_scaling": None},
        shadow_layers=(1, 3),
    ),
    "ernie4_5": llama_like(head_dim=8, use_bias=False),
    "nemotron": llama_like(head_dim=8, rope_parameters=partial(0.5)),
    "seed_oss": llama_like(head_dim=8),
    "hunyuan_v1_dense": llama_like(head_dim=8),
    "apertus": llama_like(legacy={"post_norm": False, "qk_norm": True, "mlp_bias": False}),
    "ministral3": llama_like(
        head_dim=8,
        sliding_window=None,
        rope_parameters=ROPE
        | {"llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 4, "type": "default"},
    ),
    "mixtral": llama_like(head_dim=8, num_local_experts=4, sliding_window=None),
    "qwen2_moe": llama_like(**MOE, shared_expert_intermediate_size=16),
    "qwen3_moe": llama_like(**MOE, head_dim=8, norm_topk_prob=True, legacy={"num_experts": 4}),
    "olmoe": llama_like(num_experts=4, num_experts_per_tok=2),
    "granitemoe": llama_like(
        num_local_experts=4,
        num_experts_per_tok=2,
        logits_scaling=2.0,
        attention_multiplier=0.3,
        embedding_multiplier=3.0,
        residual_multiplier=0.7,
        note=HEAD_SCALE,
    ),
    "gpt_oss": llama_like(
        head_dim=8,
        num_hidden_layers=4,
        num_local_experts=4,
        num_experts_per_tok=2,
        sliding_window=4,
        layer_types=["sliding_attention", "full_attention"] * 2,
        note="mlx-lm reads unquantized experts in its own layout only: `deterministic.mlx_layout`",
    ),
    "lfm2": llama_like(
        num_hidden_layers=4,
        layer_types=["conv", "conv", "full_attention", "conv"],
        block_auto_adjust_ff_dim=False,
        conv_L_cache=3,
        legacy={"block_dim": 32},
        shadow_layers=(1, 3),
    ),
    "qwen3_next": llama_like(
        **MOE,
        head_dim=8,
        num_hidden_layers=4,
        rope_parameters=partial(0.5),
        shared_expert_intermediate_size=16,
        linear_num_value_heads=4,
        linear_num_key_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        rms_norm_eps=LINEAR_ATTENTION_EPS,
        legacy={"full_attention_interval": 4},
        shadow_layers=(1, 4),
    ),
    "qwen3_5_text": llama_like(
        head_dim=16,
        num_hidden_layers=4,
        rope_parameters=partial(0.5) | {"mrope_section": [2, 1, 1]},
        linear_num_value_heads=4,
        linear_num_key_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        rms_norm_eps=LINEAR_ATTENTION_EPS,
        legacy={"full_attention_interval": 4},
        shadow_layers=(1, 4),
        mlx={"model_type": "qwen3_5"},
        note="in mlx-lm the text model goes by the name of the whole",
    ),
    "falcon_h1": llama_like(
        head_dim=8, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8
    ),
}
