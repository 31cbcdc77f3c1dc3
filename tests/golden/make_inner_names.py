"""Write inner_names.json: the tensors of transformers' own decoders, for the key maps.

Run with torch, transformers and peft installed (see README.md):

    python tests/golden/make_inner_names.py

PEFT saves the shadow backbone under its module names in memory, which for mixtures of experts are
not those of a model's checkpoint on disk. For each architecture: a tiny configuration (with the
older keys that mlx-lm reads), the path of the decoder blocks, and the name and shape of every
tensor of the decoder.
"""

import json
from pathlib import Path
from typing import Any

import transformers
from deterministic import dump_json
from oracle import VERSIONS
from peft.tuners.shadow.model import _get_backbone, _get_decoder_layers

HERE = Path(__file__).parent
NOISE = ("transformers_version", "_name_or_path", "architectures", "use_cache", "dtype", "id2label")

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2 = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
HEAD = {"head_dim": 8}
WINDOW = {"sliding_window": 8}
EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 24,
}
LINEAR = {
    "full_attention_interval": 2,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
ROPE = {"rope_theta": 10000.0}

# model_type: (what transformers is asked for, older keys for mlx-lm)
ARCHITECTURES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "llama": ({}, {}),
    "mistral": ({}, {}),
    "qwen2": ({}, {}),
    "qwen3": (HEAD, {}),
    "gemma": (HEAD, {}),
    "gemma2": ({**HEAD, **WINDOW}, {}),
    "gemma3_text": ({**HEAD, **WINDOW}, {}),
    "phi": ({}, {}),
    "phi3": ({}, {}),
    "olmo2": ({}, {}),
    "olmo3": ({**WINDOW, "num_hidden_layers": 4}, ROPE),
    "smollm3": ({}, ROPE),
    "stablelm": ({}, ROPE),
    "starcoder2": ({}, ROPE),
    "gpt2": (GPT2, {"n_ctx": 64}),
    "gpt_bigcode": (GPT2, {"n_inner": 128}),
    "gpt_neox": ({"intermediate_size": 128}, {"rotary_emb_base": 10000, "rotary_pct": 0.25}),
    "gptj": ({**GPT2, "rotary_dim": 4}, {}),
    "cohere": ({}, {}),
    "cohere2": (WINDOW, {}),
    "granite": ({}, {}),
    "helium": (HEAD, {}),
    "glm": (HEAD, {}),
    "glm4": (HEAD, {}),
    "exaone4": (WINDOW, {"head_dim": 8, "rope_scaling": {}, "sliding_window_pattern": "LG"}),
    "ernie4_5": (HEAD, {}),
    "nemotron": ({}, {}),
    "seed_oss": (HEAD, {}),
    "hunyuan_v1_dense": (HEAD, {}),
    "ministral3": (HEAD, {}),
    "mixtral": ({"num_local_experts": 4}, {}),
    "qwen2_moe": (EXPERTS, {}),
    "qwen3_moe": ({**EXPERTS, **HEAD}, {"num_experts": 4}),
    "olmoe": ({"num_experts": 4, "num_experts_per_tok": 2}, {}),
    "granitemoe": ({"num_local_experts": 4, "num_experts_per_tok": 2}, {}),
    "gpt_oss": ({"num_local_experts": 4, "num_experts_per_tok": 2, **HEAD, **WINDOW}, {}),
    "lfm2": (
        {
            "layer_types": ["conv", "full_attention"],
            "block_ff_dim": 48,
            "block_multiple_of": 16,
            "block_auto_adjust_ff_dim": False,
        },
        {
            "block_dim": 32,
            "block_ff_dim": 48,
            "block_multiple_of": 16,
            "block_ffn_dim_multiplier": 1.0,
            "full_attn_idxs": [1],
            **ROPE,
        },
    ),
    "qwen3_next": ({**EXPERTS, **HEAD, **LINEAR}, {"full_attention_interval": 2}),
    "qwen3_5_text": ({**HEAD, **LINEAR}, {"full_attention_interval": 2}),
    "apertus": ({}, {"mlp_bias": False, "post_norm": True, "qk_norm": True}),
}


def describe(model_type: str, asked: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
    """The configuration, the path of the blocks, and the decoder's tensors."""
    sizes = {} if "n_embd" in asked else SIZES
    config = transformers.AutoConfig.for_model(model_type, **{**sizes, **asked})
    model = transformers.AutoModelForCausalLM.from_config(config)
    decoder = _get_backbone(model)
    path = next(name for name, module in model.named_modules() if module is decoder)
    written = json.loads(config.to_json_string(use_diff=False))
    rope = written.get("rope_parameters") or {}
    for key in ("rope_theta", "partial_rotary_factor"):
        if isinstance(rope, dict) and key in rope:
            written.setdefault(key, rope[key])
    kept = {key: value for key, value in written.items() if key not in NOISE and value is not None}
    kept |= older
    if model_type == "qwen3_5_text":  # mlx-lm knows the text model inside the whole one only
        kept = {"model_type": "qwen3_5", "text_config": kept}
    return {
        "config": kept,
        "blocks": f"{path}.{_get_decoder_layers(decoder)[1]}",
        "tensors": {name: list(value.shape) for name, value in decoder.state_dict().items()},
    }


def main() -> None:
    """Regenerate the file."""
    described = {name: describe(name, *options) for name, options in ARCHITECTURES.items()}
    dump_json(HERE / "inner_names.json", {"versions": VERSIONS, "architectures": described})


if __name__ == "__main__":
    main()
