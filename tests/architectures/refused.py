"""Families of mlx-lm whose decoder loop cannot carry a shadow, with what the refusal says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.architectures.families import (
    COMMON,
    HIDDEN,
    LATENT,
    ROUTED,
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
             "its blocks hand on a ResidualBlocks beside the hidden state, not arrays",
             text_config={**COMMON, **LATENT, "num_experts": 4, "moe_intermediate_size": 24,
                          "num_experts_per_token": 2, "first_k_dense_replace": 1,
                          "attn_res_block_size": 2,
                          "linear_attn_config": {"kda_layers": [1, 3], "full_attn_layers": [2],
                                                 "num_heads": 4, "head_dim": 8,
                                                 "short_conv_kernel_size": 4}}),
)
# fmt: on
