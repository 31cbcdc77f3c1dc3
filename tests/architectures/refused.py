"""Families of mlx-lm whose decoder loop cannot carry a shadow, with what the refusal says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.architectures.families import (
    COMMON,
    FULL,
    HIDDEN,
    LATENT,
    ROUTED,
    SLIDING,
    VOCABULARY,
    WINDOW,
)


@dataclass(frozen=True)
class Refused:
    """An architecture that cannot carry a shadow, and the sentence that says why."""

    name: str
    title: str
    config: dict[str, Any]
    reason: str


def _refused(name: str, title: str, reason: str, **changes: Any) -> Refused:
    return Refused(name, title, {"model_type": name, **COMMON, **changes}, reason)


# fmt: off
REFUSED: tuple[Refused, ...] = (
    _refused("gemma3n", "Gemma 3n",
             "its blocks take a hidden state of shape (4, 1, 2, 32), not [B, T, D]",
             text_config={**COMMON, "model_type": "gemma3n_text", "num_hidden_layers": 4,
                          "num_kv_shared_layers": 1, "vocab_size_per_layer_input": VOCABULARY,
                          "sliding_window": WINDOW, "rope_local_base_freq": 10000.0,
                          "final_logit_softcapping": 30.0, "intermediate_size": [48] * 4,
                          "layer_types": [SLIDING, FULL, SLIDING, FULL],
                          "activation_sparsity_pattern": [0.0] * 4,
                          "hidden_size_per_layer_input": 8, "altup_num_inputs": 4,
                          "altup_coef_clip": 120.0, "altup_correct_scale": True,
                          "altup_active_idx": 0, "laurel_rank": 4}),
    _refused("gemma4_text", "Gemma 4",
             "its blocks return a tuple instead of one hidden state",
             num_kv_shared_layers=1, vocab_size_per_layer_input=VOCABULARY, global_head_dim=8,
             hidden_size_per_layer_input=8, sliding_window=WINDOW, sliding_window_pattern=2,
             num_hidden_layers=4),
    _refused("hunyuan", "Hunyuan MoE",
             "its blocks return a tuple instead of one hidden state",
             moe_topk=2, num_experts=4, num_shared_expert=1, use_mixed_mlp_moe=True,
             use_qk_norm=True, use_cla=True, cla_share_factor=2,
             rope_scaling={"type": "dynamic", "alpha": 1000.0, "factor": 1.0}),
    _refused("rwkv7", "RWKV 7",
             "its blocks return a tuple instead of one hidden state",
             a_low_rank_dim=8, v_low_rank_dim=8, gate_low_rank_dim=8, decay_low_rank_dim=8),
    _refused("talkie", "Talkie",
             "its blocks do not take the previous block's output as their first argument"),
    _refused("iquestloopcoder", "IQuest LoopCoder",
             "its loop does not call every decoder block"),
    _refused("nanbeige", "Nanbeige (several passes)",
             "its loop goes through the decoder blocks more than once", num_loops=2),
    _refused("afm7", "Apple Foundation Model 7B",
             "it keeps its decoder blocks in several lists",
             hidden_dim=HIDDEN, num_layers=3, num_kv_reuse_layers=1, num_heads=4, num_kv_heads=2),
    _refused("phixtral", "Phixtral",
             "no module holds both a list of decoder blocks and a token embedding",
             num_vocab=VOCABULARY, model_dim=HIDDEN, num_heads=4, num_layers=3, rotary_dim=4,
             num_local_experts=4, num_experts_per_tok=2),
    _refused("lille-130m", "Lille",
             "its decoder does not return the final hidden state",
             n_embd=64, n_head=4, n_kv_heads=2, n_layer=3, block_size=512),
    _refused("longcat_flash_ngram", "LongCat Flash with n-grams",
             "no module holds both a list of decoder blocks and a token embedding",
             **LATENT, ffn_hidden_size=48, moe_topk=2, expert_ffn_hidden_size=24,
             n_routed_experts=4, zero_expert_num=1, num_layers=2, routed_scaling_factor=1.0,
             mla_scale_q_lora=True, mla_scale_kv_lora=True, ngram_vocab_size_ratio=2),
    _refused("deepseek_v41", "DeepSeek V4.1",
             "its blocks take a hidden state of shape (1, 2, 2, 32), not [B, T, D]",
             **(ROUTED | {"scoring_func": "sqrtsoftplus"}), q_lora_rank=12,
             qk_rope_head_dim=4, o_groups=2, o_lora_rank=8, sliding_window=WINDOW,
             compress_ratios=[0, 0, 0], hc_mult=2),
    _refused("kimi_k3", "Kimi K3",
             "its blocks return a tuple instead of one hidden state",
             text_config={**COMMON, **LATENT, "num_experts": 4, "moe_intermediate_size": 24,
                          "num_experts_per_token": 2, "first_k_dense_replace": 1,
                          "attn_res_block_size": 2,
                          "linear_attn_config": {"kda_layers": [1, 3], "full_attn_layers": [2],
                                                 "num_heads": 4, "head_dim": 8,
                                                 "short_conv_kernel_size": 4}}),
)
# fmt: on
