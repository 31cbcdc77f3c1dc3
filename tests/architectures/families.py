"""The decoder families of mlx-lm, each as the smallest configuration that shows what it does.

One entry a family: what a reader knows it as, mlx-lm's ``model_type``, and a ``config.json`` with
hidden size 32. Depth is the least at which every kind of block that the family mixes occurs, and
windows are far shorter than the test sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HIDDEN = 32
VOCABULARY = 96
WINDOW = 6
FULL, SLIDING = "full_attention", "sliding_attention"

# What nearly every configuration says. mlx-lm ignores keys that an architecture does not declare.
COMMON: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 3,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "rms_norm_eps": 1e-5,
    "layer_norm_eps": 1e-5,
    "layer_norm_epsilon": 1e-5,
    "norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "attention_bias": False,
    "mlp_bias": False,
    "use_bias": False,
}
_EXPERTS: dict[str, Any] = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "norm_topk_prob": True,
}
ROUTED: dict[str, Any] = {
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "n_group": 1,
    "topk_group": 1,
    "routed_scaling_factor": 1.0,
    "norm_topk_prob": True,
    "scoring_func": "sigmoid",
    "topk_method": "noaux_tc",
}
LATENT: dict[str, Any] = {  # multi-head latent attention
    "num_key_value_heads": 4,
    "q_lora_rank": 12,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}
_DELTA: dict[str, Any] = {  # gated delta networks
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4,
    "full_attention_interval": 2,
    "partial_rotary_factor": 0.5,
}
_GEMMA4: dict[str, Any] = {"global_head_dim": 16, "sliding_window": WINDOW}
_YARN_FREE_ROPE = {"type": "default", "rope_theta": 10000.0}


@dataclass(frozen=True)
class Family:
    """One architecture of the matrix.

    Attributes:
        name: The test's id; the module of mlx-lm that implements it.
        title: What a reader looks for in the table.
        config: Its ``config.json``.
    """

    name: str
    title: str
    config: dict[str, Any]

    @property
    def trims(self) -> str:
        """When mlx-lm can take tokens back from its caches: always, in the window, never."""
        return TRIMS.get(self.name, "always")

    @property
    def unbatched(self) -> str | None:
        """Why mlx-lm's own BatchGenerator does not serve the bare backbone, if it does not."""
        return UNBATCHED.get(self.name)

    @property
    def apart(self) -> str | None:
        """Why each of its examples needs a row of its own, if it does."""
        return APART.get(self.name)


def _family(name: str, title: str, **changes: Any) -> Family:
    return Family(name, title, {"model_type": name, **COMMON, **changes})


def _wrapped(name: str, title: str, inner: str, **changes: Any) -> Family:
    text = {"model_type": inner, **COMMON, **changes}
    return Family(name, title, {"model_type": name, "vocab_size": VOCABULARY, "text_config": text})


_WINDOWED = (
    "ministral3", "exaone4", "gemma3_text", "gemma3", "olmo3", "gpt_oss", "cohere2", "afmoe",
    "mimo_v2_flash", "step3p5", "muse_glimmer", "spark2_5", "exaone_moe", "laguna", "mellum",
    "gemma3n", "gemma4_text", "gemma4",
)  # fmt: skip
_RECURRENT = (
    "qwen3_next", "qwen3_5", "qwen3_5_moe", "olmo_hybrid", "granitemoehybrid", "nemotron_h",
    "jamba", "gear", "bailing_moe_linear", "lfm2", "lfm2_moe", "falcon_h1", "mamba", "mamba2",
    "plamo2", "kimi_linear", "baichuan_m1",
    "rwkv7",
)  # fmt: skip
TRIMS = dict.fromkeys(_WINDOWED, "in the window") | dict.fromkeys(_RECURRENT, "never")

_PADDING = "mlx-lm's own answers change with the padding of a batch"
UNBATCHED = {
    "gemma2": "mlx-lm's soft-capped attention does not take the mask of a padded batch",
    "gpt_bigcode": "mlx-lm's learned positions do not take one offset for each row",
    "llama4": "mlx-lm's chunked cache cannot be batched",
    "olmo_hybrid": _PADDING,
    "nemotron_h": _PADDING,
    "bailing_moe_linear": _PADDING,
    "jamba": _PADDING,
    "mamba": _PADDING,
    "baichuan_m1": _PADDING,
    "rwkv7": _PADDING,
}

APART = dict.fromkeys(_RECURRENT, "layers with a state") | {
    "gpt2": "learned positions",
    "gpt_bigcode": "learned positions",
    "gemma2": "soft-capped attention",
    "hunyuan": "a norm behind the rotation",
    "hunyuan_v1_dense": "a norm behind the rotation",
    "llama4": "attention in chunks",
}
"""Why examples of these families cannot share rows (``--packing``)."""

REPRESENTATIVES = (
    "llama", "qwen3_moe", "deepseek_v3", "gemma2",  # keys and values alone
    "gpt2", "gpt_bigcode",  # learned positions
    "ministral3", "exaone4", "gpt_oss",  # windows, beside all keys or alone
    "deepseek_v32", "llama4",  # an index of keys, chunks
    "qwen3_next", "lfm2", "bailing_moe_linear", "plamo2", "kimi_linear", "nemotron_h",  # recurrent
    "falcon_h1", "baichuan_m1", "gear",  # recurrent and otherwise in one block or one model
    "mamba", "mamba2",  # recurrent alone
    "gemma4_text", "gemma3n", "rwkv7",  # something rides along, or is in a cache for others too
)  # fmt: skip
"""Every kind of cache, position and block: for what is made of parts that all families go through.

Whether each kind of cache is among them is tested in ``test_forward.py``."""

# fmt: off
FAMILIES: tuple[Family, ...] = (
    # Llama and its close relatives
    _family("llama", "Llama, Mistral, Yi and other Llama-shaped models"),
    _family("ministral3", "Ministral 3", layer_types=[SLIDING, FULL, SLIDING],
            sliding_window=WINDOW,
            rope_parameters={**_YARN_FREE_ROPE, "llama_4_scaling_beta": 0.1,
                             "original_max_position_embeddings": 8}),
    _wrapped("mistral3", "Mistral Small 3 (text)", "mistral", tie_word_embeddings=False),
    _family("smollm3", "SmolLM3", no_rope_layer_interval=2),
    _family("seed_oss", "Seed-OSS", attention_bias=True),
    _family("helium", "Helium"),
    _family("stablelm", "StableLM", use_qkv_bias=True, partial_rotary_factor=0.5,
            num_key_value_heads=4, qk_layernorm=True),
    _family("internlm2", "InternLM 2"),
    _family("internlm3", "InternLM 3", qkv_bias=True),
    _family("mimo", "MiMo"),
    _family("telechat3", "TeleChat 3"),
    _family("youtu_llm", "Youtu-LLM", **LATENT),
    _family("exaone", "EXAONE 3", num_layers=3),
    _family("exaone4", "EXAONE 4", num_hidden_layers=4, sliding_window=WINDOW,
            sliding_window_pattern="LLGL", rope_scaling=None),
    _family("apertus", "Apertus", post_norm=True, qk_norm=True),
    _family("nanbeige", "Nanbeige (one pass)"),
    _family("plamo", "PLaMo", n_shared_head=2),
    _family("muse_glimmer", "Muse Glimmer", num_hidden_layers=4, sliding_window=WINDOW,
            layer_types=[SLIDING, SLIDING, FULL, SLIDING]),
    _family("spark2_5", "Spark 2.5", sliding_window=WINDOW, layer_types=[SLIDING, FULL, SLIDING],
            rope_parameters={FULL: {**_YARN_FREE_ROPE, "rope_type": "default"},
                             SLIDING: {**_YARN_FREE_ROPE, "rope_type": "default"}}),
    _family("nanochat", "nanochat", num_key_value_heads=4),
    # Qwen
    _family("qwen", "Qwen 1", kv_channels=8, num_key_value_heads=4),
    _family("qwen2", "Qwen 2, Qwen 2.5"),
    _family("qwen3", "Qwen 3"),
    _wrapped("qwen2_vl", "Qwen 2-VL (text)", "qwen2_vl"),
    _wrapped("qwen3_vl", "Qwen 3-VL (text)", "qwen3_vl"),
    _family("qwen2_moe", "Qwen 2 MoE", **_EXPERTS, shared_expert_intermediate_size=24),
    _family("qwen3_moe", "Qwen 3 MoE", **_EXPERTS, decoder_sparse_step=1, mlp_only_layers=[0]),
    _family("qwen3_next", "Qwen 3-Next", **_EXPERTS, **_DELTA, decoder_sparse_step=1,
            mlp_only_layers=[0], shared_expert_intermediate_size=24),
    _wrapped("qwen3_5", "Qwen 3.5", "qwen3_5_text", **_DELTA),
    _wrapped("qwen3_5_moe", "Qwen 3.5 MoE", "qwen3_5_moe_text", **_EXPERTS, **_DELTA,
             shared_expert_intermediate_size=24),
    # Gemma
    _family("gemma", "Gemma"),
    _family("gemma2", "Gemma 2", query_pre_attn_scalar=8.0),
    _family("gemma3_text", "Gemma 3 (text)", num_hidden_layers=4, sliding_window=WINDOW,
            sliding_window_pattern=3, query_pre_attn_scalar=8.0),
    _wrapped("gemma3", "Gemma 3", "gemma3_text", num_hidden_layers=4, sliding_window=WINDOW,
             sliding_window_pattern=3, query_pre_attn_scalar=8.0),
    _wrapped("gemma3n", "Gemma 3n", "gemma3n_text", num_hidden_layers=5, num_kv_shared_layers=2,
             layer_types=[SLIDING, FULL, SLIDING, FULL, SLIDING], sliding_window=WINDOW,
             intermediate_size=[48] * 5, activation_sparsity_pattern=[0.5, 0.0, 0.0, 0.0, 0.0],
             vocab_size_per_layer_input=VOCABULARY - 8, hidden_size_per_layer_input=8,
             rope_local_base_freq=10000.0, final_logit_softcapping=30.0, altup_num_inputs=3,
             altup_active_idx=0, altup_coef_clip=120.0, altup_correct_scale=True, laurel_rank=4),
    _family("gemma4_text", "Gemma 4 (text)", num_hidden_layers=4, sliding_window_pattern=2,
            **_GEMMA4, num_kv_shared_layers=1, vocab_size_per_layer_input=VOCABULARY,
            hidden_size_per_layer_input=8),
    _wrapped("gemma4", "Gemma 4", "gemma4_text", num_hidden_layers=3, sliding_window_pattern=2,
             **_GEMMA4, num_kv_shared_layers=0, hidden_size_per_layer_input=0,
             attention_k_eq_v=True, num_global_key_value_heads=1, enable_moe_block=True,
             num_experts=4, top_k_experts=2, moe_intermediate_size=24),
    # Microsoft
    _family("phi", "Phi 1, 1.5, 2", partial_rotary_factor=0.5, num_key_value_heads=4),
    _family("phi3", "Phi 3, Phi 4"),
    _family("phimoe", "Phi 3.5 MoE", num_local_experts=4, num_experts_per_tok=2,
            router_jitter_noise=10.0,  # or else most tokens have one expert, of weight 1
            rope_scaling={"type": "longrope", "long_factor": [1.0] * 4, "long_mscale": 1.2,
                          "short_factor": [1.0] * 4, "short_mscale": 1.2,
                          "original_max_position_embeddings": 4096}),
    # OLMo
    _family("olmo2", "OLMo 2"),
    _family("olmo3", "OLMo 3", num_hidden_layers=4, sliding_window=WINDOW,
            layer_types=[SLIDING, SLIDING, FULL, SLIDING]),
    _family("olmoe", "OLMoE", **_EXPERTS),
    _family("olmo_hybrid", "OLMo Hybrid", **(_DELTA | {"linear_num_key_heads": 4}),
            linear_allow_neg_eigval=True,
            layer_types=["linear_attention", FULL, "linear_attention"]),
    # GPT
    _family("gpt2", "GPT-2", n_ctx=512, n_embd=HIDDEN, n_head=4, n_layer=3, n_positions=512),
    _family("gpt_bigcode", "GPT-BigCode (StarCoder)", n_embd=HIDDEN, n_head=4, n_layer=3,
            n_inner=48, n_positions=512, attention_bias=True, mlp_bias=True, num_key_value_heads=1),
    _family("gpt_neox", "GPT-NeoX (Pythia)", rotary_emb_base=10000, rotary_pct=0.5),
    _family("gptj", "GPT-J", n_embd=HIDDEN, n_head=4, n_layer=3, n_positions=512, rotary_dim=4),
    _family("gpt_oss", "gpt-oss", num_hidden_layers=4, num_local_experts=4, num_experts_per_tok=2,
            sliding_window=WINDOW, layer_types=[SLIDING, FULL, SLIDING, FULL]),
    _family("starcoder2", "StarCoder 2", norm_epsilon=1e-5),
    _family("lille-130m", "Lille", n_embd=2 * HIDDEN, n_head=4, n_kv_heads=2, n_layer=3,
            block_size=512),
    # Cohere, IBM, NVIDIA, Z.ai, Baidu, Tencent …
    _family("cohere", "Cohere Command R", use_qk_norm=True, logit_scale=0.25),
    _family("cohere2", "Cohere 2 (Command A, R7B)", num_hidden_layers=4, sliding_window=WINDOW,
            sliding_window_pattern=3, logit_scale=0.25),
    _family("granite", "Granite", logits_scaling=4.0, attention_multiplier=0.3,
            embedding_multiplier=3.0, residual_multiplier=0.5),
    _family("granitemoe", "Granite MoE", logits_scaling=4.0, attention_multiplier=0.3,
            embedding_multiplier=3.0, residual_multiplier=0.5, num_local_experts=4,
            num_experts_per_tok=2),
    _family("granitemoehybrid", "Granite 4 (hybrid)", logits_scaling=4.0, attention_multiplier=0.3,
            embedding_multiplier=3.0, residual_multiplier=0.5, num_local_experts=4,
            num_experts_per_tok=2, shared_intermediate_size=24, mamba_n_heads=4, mamba_d_head=8,
            mamba_proj_bias=False, mamba_d_state=8, mamba_d_conv=4, mamba_n_groups=1,
            mamba_conv_bias=True, layer_types=["mamba", "attention", "mamba"],
            position_embedding_type="nope"),
    _family("nemotron", "Nemotron", hidden_act="relu2", partial_rotary_factor=0.5),
    _family("nemotron_h", "Nemotron-H", num_hidden_layers=4, hybrid_override_pattern=list("M-*M"),
            mamba_num_heads=4, mamba_head_dim=8, mamba_proj_bias=False, ssm_state_size=8,
            conv_kernel=4, n_groups=1, use_conv_bias=True, time_step_limit=(0.0, 100.0)),
    _family("nemotron-nas", "Nemotron-NAS", block_configs=[
        {"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 1.0}},
        {"attention": {"no_op": True}, "ffn": {"ffn_mult": 1.0}},
        {"attention": {"n_heads_in_group": 2}, "ffn": {"no_op": True}},
    ]),
    _family("glm", "GLM 4 (9B)"),
    _family("glm4", "GLM-4-0414", partial_rotary_factor=0.5),
    _family("glm4_moe", "GLM-4.5 MoE", **ROUTED, rope_scaling=None, use_qk_norm=True,
            partial_rotary_factor=0.5),
    _family("glm4_moe_lite", "GLM-4.7 Flash", **ROUTED, **LATENT),
    _family("ernie4_5", "ERNIE 4.5"),
    _family("ernie4_5_moe", "ERNIE 4.5 MoE", moe_num_experts=4, moe_k=2, moe_intermediate_size=24,
            moe_layer_start_index=1, moe_num_shared_experts=1),
    _family("hunyuan_v1_dense", "Hunyuan dense"),
    _family("hunyuan", "Hunyuan MoE", num_hidden_layers=4, moe_topk=2, num_experts=4,
            num_shared_expert=1, use_mixed_mlp_moe=True, use_qk_norm=True, use_cla=True,
            cla_share_factor=2, rope_scaling={"type": "dynamic", "alpha": 1000.0, "factor": 1.0}),
    _family("minicpm", "MiniCPM", dim_model_base=16, scale_depth=1.4, scale_emb=2.0),
    _family("minicpm3", "MiniCPM 3", **LATENT, dim_model_base=16, scale_depth=1.4, scale_emb=2.0,
            rope_scaling={"type": "longrope", "long_factor": [1.0] * 4, "short_factor": [1.0] * 4,
                          "original_max_position_embeddings": 512}),
    _family("openelm", "OpenELM", model_dim=HIDDEN, num_transformer_layers=3, ffn_dim_divisor=8,
            num_query_heads=[2, 4, 4], num_kv_heads=[1, 2, 2], ffn_multipliers=[1.0, 1.5, 2.0]),
    # Mixtures of experts
    _family("mixtral", "Mixtral", num_local_experts=4, num_experts_per_tok=2),
    _family("deepseek", "DeepSeek MoE", **ROUTED),
    _family("deepseek_v2", "DeepSeek V2", **(ROUTED | LATENT | {"topk_method": "greedy"}),
            rope_scaling={"type": "yarn", "factor": 4.0, "beta_fast": 32, "beta_slow": 1,
                          "mscale": 1.0, "mscale_all_dim": 1.0,
                          "original_max_position_embeddings": 128}),
    _family("deepseek_v3", "DeepSeek V3", **ROUTED, **LATENT),
    _family("deepseek_v32", "DeepSeek V3.2", **ROUTED, **LATENT, index_head_dim=16,
            index_n_heads=2, index_topk=8),
    _family("dots1", "dots.llm1", **ROUTED),
    _family("minimax", "MiniMax M2", num_local_experts=4, num_experts_per_tok=2, rotary_dim=4,
            shared_intermediate_size=24),
    _family("dbrx", "DBRX", d_model=HIDDEN, n_heads=4, n_layers=3,
            ffn_config={"ffn_hidden_size": 24, "moe_num_experts": 4, "moe_top_k": 2},
            attn_config={"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0}),
    _family("Klear", "Klear", **_EXPERTS, mlp_only_layers=[0], decoder_sparse_step=1,
            n_shared_experts=1),
    _family("bailing_moe", "Ling, Ring", **_EXPERTS, num_shared_experts=1,
            first_k_dense_replace=1),
    _family("bailing_moe_linear", "Ring linear", **_EXPERTS, num_shared_experts=1,
            first_k_dense_replace=1, layer_group_size=2, group_norm_size=2, num_hidden_layers=4,
            num_key_value_heads=4),
    _family("afmoe", "Trinity (AFMoE)", **_EXPERTS, layer_types=[SLIDING, FULL, SLIDING],
            num_dense_layers=1, num_shared_experts=1, sliding_window=WINDOW),
    _family("mimo_v2_flash", "MiMo V2 Flash", **(ROUTED | {"moe_layer_freq": [0, 1, 1]}),
            hybrid_layer_pattern=[1, 0, 1], add_swa_attention_sink_bias=True,
            add_full_attention_sink_bias=False, sliding_window_size=WINDOW,
            layernorm_epsilon=1e-5, swa_rope_theta=10000.0, swa_num_attention_heads=4,
            swa_num_key_value_heads=2, v_head_dim=8, swa_head_dim=8, swa_v_head_dim=8,
            partial_rotary_factor=0.5),
    _wrapped("llama4", "Llama 4 (text)", "llama4_text", attention_chunk_size=8,
             interleave_moe_layer_step=2, intermediate_size_mlp=48, num_experts_per_tok=1,
             num_local_experts=4, rope_scaling=None, use_qk_norm=True, num_hidden_layers=4),
    _family("longcat_flash", "LongCat Flash", **(LATENT), attention_method="MLA",
            zero_expert_type="identity", ffn_hidden_size=48, moe_topk=2, expert_ffn_hidden_size=24,
            n_routed_experts=4, zero_expert_num=1, num_layers=2, routed_scaling_factor=1.0,
            mla_scale_q_lora=True, mla_scale_kv_lora=True),
    _family("step3p5", "Step 3.5", num_attention_groups=2, sliding_window=WINDOW,
            layer_types=[FULL, SLIDING, SLIDING], moe_num_experts=4, moe_top_k=2,
            moe_intermediate_size=24, share_expert_dim=24, moe_layers_enum="1,2",
            partial_rotary_factors=[0.5, 1.0, 1.0], rope_theta=[10000.0] * 3,
            attention_other_setting={"num_attention_heads": 4, "num_attention_groups": 2}),
    _family("llama4_text", "Llama 4 (dense text)", intermediate_size_mlp=48,
            no_rope_layers=[1, 0, 1], use_qk_norm=True),
    _family("solar_open", "Solar Open", **ROUTED, partial_rotary_factor=1.0),
    _family("mistral4", "Mistral 4", **ROUTED, **LATENT, rope_parameters={
        **_YARN_FREE_ROPE, "llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 8}),
    _wrapped("kimi_vl", "Kimi-VL (text)", "deepseek_v3", **ROUTED, **LATENT),
    _wrapped("qwen3_vl_moe", "Qwen 3-VL MoE (text)", "qwen3_vl_moe_text", **_EXPERTS,
             decoder_sparse_step=1, mlp_only_layers=[0]),
    _family("exaone_moe", "EXAONE MoE", **_EXPERTS, num_shared_experts=1,
            layer_types=[SLIDING, FULL, SLIDING], is_moe_layer=[False, True, True],
            sliding_window=WINDOW),
    _family("laguna", "Laguna", **_EXPERTS, layer_types=[FULL, SLIDING, SLIDING],
            sliding_window=WINDOW, shared_expert_intermediate_size=24,
            num_attention_heads_per_layer=[4, 2, 4],
            rope_parameters={FULL: {**_YARN_FREE_ROPE, "rope_type": "default"},
                             SLIDING: {**_YARN_FREE_ROPE, "rope_type": "default"}}),
    _family("mellum", "Mellum", **_EXPERTS, layer_types=[SLIDING, FULL, SLIDING],
            sliding_window=WINDOW,
            rope_parameters={FULL: _YARN_FREE_ROPE, SLIDING: _YARN_FREE_ROPE}),
    # Convolutions and state-space models
    _family("lfm2", "LFM 2", conv_bias=False, conv_L_cache=3, block_dim=HIDDEN,
            block_multiple_of=8, block_ffn_dim_multiplier=1.0, block_auto_adjust_ff_dim=False,
            layer_types=["conv", FULL, "conv"]),
    _family("lfm2_moe", "LFM 2 MoE", **_EXPERTS, conv_bias=False, conv_L_cache=3,
            use_expert_bias=True, num_dense_layers=1, layer_types=["conv", FULL, "conv"]),
    _family("jamba", "Jamba", num_experts=4, num_experts_per_tok=2, attn_layer_offset=1,
            attn_layer_period=2, expert_layer_offset=1, expert_layer_period=2, mamba_d_conv=4,
            mamba_d_state=8, mamba_expand=2),
    _family("falcon_h1", "Falcon-H1", mamba_d_conv=4, mamba_d_head=8, mamba_d_ssm=32,
            mamba_d_state=8, mamba_n_heads=4, mamba_chunk_size=8),
    _family("mamba", "Mamba", state_size=8, conv_kernel=4, use_conv_bias=True, time_step_rank=4),
    _family("mamba2", "Mamba 2", num_heads=8, head_dim=8, state_size=8, conv_kernel=4, n_groups=1,
            use_conv_bias=True, time_step_limit=(0.001, 100.0), time_step_rank=4),
    _family("plamo2", "PLaMo 2", hidden_size_per_head=8, attention_window_size=WINDOW,
            mamba_d_state=8, mamba_d_conv=4, mamba_num_heads=4, mamba_step=2),
    _family("kimi_linear", "Kimi Linear", **(LATENT | {"head_dim": 8}), num_experts=4,
            moe_intermediate_size=24, num_experts_per_token=2, num_shared_experts=1,
            first_k_dense_replace=1, model_max_length=512,
            linear_attn_config={"kda_layers": [1, 3], "full_attn_layers": [2], "num_heads": 4,
                                "head_dim": 8, "short_conv_kernel_size": 4}),
    _family("baichuan_m1", "Baichuan M1", sliding_window=WINDOW, sliding_window_layers=[0, 2],
            conv_window=2, tie_word_embeddings=False),
    _family("rwkv7", "RWKV 7", a_low_rank_dim=8, v_low_rank_dim=8, gate_low_rank_dim=8,
            decay_low_rank_dim=8),
    _family("gear", "Gear", layer_types=["conv_mixer", SLIDING, FULL], sliding_window=WINDOW),
)
# fmt: on
