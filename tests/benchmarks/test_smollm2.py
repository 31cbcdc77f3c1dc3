"""The conversion from GGUF, on a tiny Llama that is written as llama.cpp writes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm import load
from mlx_lm.models.llama import Model, ModelArgs

from benchmarks.smollm2 import CONTROL, NAMES, convert

HEADS, KV_HEADS, HEAD_DIM, LAYERS, WIDTH = 4, 2, 8, 2, 32
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "ab", "1", "2", "Ġ", "Ġa", "12"]
MERGES = ["a b", "Ġ a", "1 2"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"


def tiny_llama() -> Model:
    mx.random.seed(0)
    arguments = ModelArgs(
        model_type="llama", hidden_size=WIDTH, num_hidden_layers=LAYERS, intermediate_size=48,
        num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, head_dim=HEAD_DIM,
        rms_norm_eps=1e-5, vocab_size=len(TOKENS), rope_theta=1e5, tie_word_embeddings=True,
    )  # fmt: skip
    return Model(arguments)


def side_by_side(rows: mx.array) -> mx.array:
    """llama.cpp's order: the two rows that one rotation turns follow each other."""
    halves = rows.reshape(-1, 2, HEAD_DIM // 2, rows.shape[-1])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def write_gguf(path: Path, model: Model) -> None:
    theirs = {ours: name for name, ours in NAMES.items()}
    arrays = {}
    for name, value in dict(_flat(model)).items():
        parts = name.removesuffix(".weight").split(".")
        block = f"blk.{parts[2]}." if parts[1] == "layers" else ""
        short = theirs[".".join(parts[3:] if block else parts)]
        turned = short in ("attn_q", "attn_k")
        arrays[f"{block}{short}.weight"] = side_by_side(value) if turned else value
    kinds = [CONTROL if token.startswith("<|") else 1 for token in TOKENS]
    numbers = {
        "llama.embedding_length": WIDTH, "llama.block_count": LAYERS,
        "llama.feed_forward_length": 48, "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS, "llama.context_length": 256,
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
    }  # fmt: skip
    metadata: dict[str, Any] = {name: mx.array(value, mx.uint32) for name, value in numbers.items()}
    metadata |= {
        "llama.attention.layer_norm_rms_epsilon": mx.array(1e-5),
        "llama.rope.freq_base": mx.array(1e5),
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.token_type": mx.array(kinds, mx.int32),
        "tokenizer.chat_template": TEMPLATE,
    }
    mx.save_gguf(str(path), arrays, metadata)


def _flat(model: Model) -> list[tuple[str, mx.array]]:
    from mlx.utils import tree_flatten

    return tree_flatten(model.parameters())


@pytest.fixture
def converted(tmp_path: Path) -> tuple[Model, Any, Any]:
    original = tiny_llama()
    write_gguf(tmp_path / "tiny.gguf", original)
    convert(tmp_path / "tiny.gguf", tmp_path / "model")
    return original, *load(str(tmp_path / "model"))


def test_the_converted_model_is_the_same_function(converted: tuple[Model, Any, Any]) -> None:
    original, model, _ = converted
    ids = mx.array([[3, 4, 5, 6, 7]])
    assert np.allclose(np.array(model(ids)), np.array(original(ids)), atol=1e-5)


def test_numbers_are_split_and_special_tokens_are_not(converted: tuple[Model, Any, Any]) -> None:
    _, _, tokenizer = converted
    assert tokenizer.encode("ab12 a<|im_end|>") == [5, 6, 7, 9, 2]  # "12" stays two digits
    assert tokenizer.eos_token_ids == {2}
    turns = [{"role": "user", "content": "ab"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "<|im_start|>ab<|im_end|>"
