"""Random weights with one circuit planted: look back, find the same word, copy what followed.

A transformer of this size needs millions of tokens before *induction* appears: one head
attends to the previous token, and a head of the next block uses what it wrote to find
earlier occurrences of the current token and copies the token after them. Everything that
sprout does with given facts rests on it. So the circuit is planted, roughly, in the initial
weights of blocks 0 and 1, and training refines it: a few minutes on a laptop then suffice.
All other weights stay random, the outputs of each block scaled down to let the circuit speak.

Directions of the residual stream, D wide, are rows of one random orthogonal matrix:
``constant`` (the same in every embedding), ``match`` (what identifies a word), ``previous``
(where block 0 writes the identity of the previous word) and ``copy`` (what gets copied).
"""

from __future__ import annotations

import math

import mlx.core as mx
from mlx_lm.models.qwen3 import Model
from transformers import PreTrainedTokenizerBase

OUTPUT_SCALE = 0.1
CONSTANT_SIZE = 0.5
#: Gain of the query and key norms in the two blocks: sharp attention from the start.
SHARPNESS = 2.0
PREVIOUS_SIZE = 0.3
COPY_SIZE = 0.5
#: Cosine between the embeddings of a word with and without a space before it.
TWIN_SHARE = 0.9
#: How byte-level BPE spells a space.
SPACE = "Ġ"


def orthogonal(width: int) -> mx.array:
    """A random orthogonal ``[width, width]`` matrix, by the global seed."""
    q, _ = mx.linalg.qr(mx.random.normal((width, width)), stream=mx.cpu)
    return q


def previous_token_angles(head_dim: int, rope_base: float) -> tuple[mx.array, mx.array]:
    """A query and a key, each ``[head_dim]``, that match best one position apart.

    The four fastest rotary frequencies carry it; the key is turned forward by one position.
    """
    half = head_dim // 2
    frequencies = rope_base ** (-mx.arange(half) / half)
    active = (mx.arange(half) < 4).astype(mx.float32)
    query = mx.concatenate([active, mx.zeros(half)])
    key = mx.concatenate([active * mx.cos(frequencies), active * mx.sin(frequencies)])
    return query, key


def bring_spellings_together(model: Model, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a word with and without the space before it nearly one embedding, in place.

    They are two tokens, and copying from a sentence to the start of a line or into quotes
    goes from one to the other.
    """
    vocabulary = tokenizer.get_vocab()
    spaced, plain = [], []
    for token, token_id in vocabulary.items():
        twin = vocabulary.get(token.removeprefix(SPACE))
        if token.startswith(SPACE) and twin is not None:
            spaced.append(token_id)
            plain.append(twin)
    table = model.model.embed_tokens
    ids, twins = mx.array(spaced), mx.array(plain)
    mixed = TWIN_SHARE * table.weight[twins]
    mixed += math.sqrt(1 - TWIN_SHARE**2) * table.weight[ids]
    table.weight[ids] = mixed


def plant_induction(model: Model) -> None:
    """Change the initial weights of ``model`` in place."""
    config = model.args
    width, head_dim = config.hidden_size, config.head_dim
    group = config.num_attention_heads // config.num_key_value_heads
    slow = mx.array([*range(head_dim // 4, head_dim // 2), *range(3 * head_dim // 4, head_dim)])
    rank = slow.size

    basis = orthogonal(width)
    constant, rest = basis[0], basis[1:]
    match, previous = rest[:rank], rest[rank : 2 * rank]
    copy = rest[2 * rank : 2 * rank + head_dim]

    for layer in model.layers:
        layer.self_attn.o_proj.weight *= OUTPUT_SCALE
        layer.mlp.down_proj.weight *= OUTPUT_SCALE

    table = model.model.embed_tokens
    table.weight += (CONSTANT_SIZE - table.weight @ constant)[:, None] * constant

    for layer in model.layers[:2]:
        layer.self_attn.q_norm.weight *= SHARPNESS
        layer.self_attn.k_norm.weight *= SHARPNESS

    # Block 0, first head: attend to the previous token, write its identity to `previous`.
    look_back = model.layers[0].self_attn
    query, key = previous_token_angles(head_dim, config.rope_theta)
    look_back.q_proj.weight[:head_dim] = query[:, None] * constant
    look_back.k_proj.weight[:head_dim] = key[:, None] * constant
    look_back.v_proj.weight[:rank] = match
    look_back.o_proj.weight[:, :head_dim] = 0.0
    look_back.o_proj.weight[:, :rank] = PREVIOUS_SIZE * previous.T

    # Block 1, first head of the last group: find the word that followed this one; copy it.
    # Only the slow rotary frequencies are used, so that the distance does not matter.
    look_up = model.layers[1].self_attn
    kv_head = config.num_key_value_heads - 1
    head = kv_head * group
    queries = slice(head * head_dim, (head + 1) * head_dim)
    keys = slice(kv_head * head_dim, (kv_head + 1) * head_dim)
    spread = mx.zeros((head_dim, rank))
    spread[slow, mx.arange(rank)] = 1.0
    look_up.q_proj.weight[queries] = spread @ match
    look_up.k_proj.weight[keys] = spread @ previous
    look_up.v_proj.weight[keys] = copy
    look_up.o_proj.weight[:, queries] = COPY_SIZE * math.sqrt(width / head_dim) * copy.T
    mx.eval(model.parameters())
