"""Pretrains sprout: a Qwen3-architecture model on the generated conversations.

Shapes: B conversations a batch, T tokens, V vocabulary.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten
from mlx_lm.models.qwen3 import Model, ModelArgs
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from .corpus import conversations

CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": None,
    "dtype": "float32",
    "eos_token_id": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 192,
    "initializer_range": 0.02,
    "intermediate_size": 512,
    "max_position_embeddings": 1024,
    "num_attention_heads": 6,
    "num_hidden_layers": 6,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "use_cache": True,
    "vocab_size": 2048,
}
GENERATION_CONFIG = {"do_sample": False, "eos_token_id": [2], "pad_token_id": 0}
PAD_ID = 0


@dataclass(frozen=True)
class Settings:
    """What decides the weights, beside the text itself."""

    seed: int = 0
    steps: int = 4000
    batch_tokens: int = 1024
    length_step: int = 8
    learning_rate: float = 3e-3
    final_learning_rate: float = 3e-5
    warmup: int = 100
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0


def token_ids(
    tokenizer: PreTrainedTokenizerBase, messages: tuple[dict[str, str], ...]
) -> list[int]:
    """The whole conversation through the chat template."""
    return tokenizer.encode(
        tokenizer.apply_chat_template(list(messages), tokenize=False), add_special_tokens=False
    )


def batches(
    tokenizer: PreTrainedTokenizerBase, settings: Settings, stream: str
) -> Iterator[tuple[mx.array, int]]:
    """Endless ``([B, T] token ids, number of targets)``; conversations of about one length.

    ``T`` is a multiple of ``length_step`` plus one and ``B`` follows from it, so that the
    compiled step sees few distinct shapes. No conversation is cut or joined to another.
    """
    waiting: dict[int, list[list[int]]] = defaultdict(list)
    for conversation in conversations(settings.seed, stream):
        ids = token_ids(tokenizer, conversation.messages)
        width = -(-(len(ids) - 1) // settings.length_step) * settings.length_step
        bucket = waiting[width]
        bucket.append(ids)
        if len(bucket) == max(1, settings.batch_tokens // width):
            rows = [row + [PAD_ID] * (width + 1 - len(row)) for row in bucket]
            yield mx.array(rows), sum(len(row) - 1 for row in bucket)
            bucket.clear()


def loss_sum(model: nn.Module, tokens: mx.array) -> mx.array:
    """Summed cross-entropy of every next token of ``[B, T + 1]``, padding left out."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    losses = nn.losses.cross_entropy(model(inputs), targets)
    return (losses * (targets != PAD_ID)).sum()


def mean_loss(model: nn.Module, tokens: mx.array) -> mx.array:
    """``loss_sum`` per target."""
    return loss_sum(model, tokens) / (tokens[:, 1:] != PAD_ID).sum()


def held_out_loss(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, settings: Settings, amount: int = 40
) -> float:
    """Mean loss per token (nats) on conversations of the ``held-out`` stream."""
    total, count = 0.0, 0
    for tokens, targets in islice(batches(tokenizer, settings, "held-out"), amount):
        total += loss_sum(model, tokens).item()
        count += targets
    return total / count


def new_model(seed: int) -> Model:
    """Sprout with random weights."""
    mx.random.seed(seed)
    model = Model(ModelArgs.from_dict(CONFIG))
    mx.eval(model.parameters())
    return model


def save_model(model: Model, folder: Path) -> None:
    """Write the weights and configurations that ``mlx_lm.load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "pt"})
    for name, content in (("config", CONFIG), ("generation_config", GENERATION_CONFIG)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def schedule(settings: Settings) -> Any:
    """Linear warm-up, then a cosine down to the final learning rate."""
    warm = optim.linear_schedule(0.0, settings.learning_rate, settings.warmup)
    cosine = optim.cosine_decay(
        settings.learning_rate, settings.steps - settings.warmup, settings.final_learning_rate
    )
    return optim.join_schedules([warm, cosine], [settings.warmup])


def pretrain(folder: Path, log_folder: Path, settings: Settings) -> dict[str, Any]:
    """Train from scratch with the tokenizer in ``folder`` and save the weights there.

    Progress goes to stdout, and to ``log_folder/pretraining.jsonl``; ``log_folder`` also
    gets the unfinished weights now and then. Returns the figures for the model card.
    """
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = new_model(settings.seed)
    optimizer = optim.AdamW(
        learning_rate=schedule(settings),
        betas=list(settings.betas),
        weight_decay=settings.weight_decay,
        bias_correction=True,
    )
    loss_and_gradients = nn.value_and_grad(model, mean_loss)
    state = [model.state, optimizer.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(tokens: mx.array) -> mx.array:
        loss, gradients = loss_and_gradients(model, tokens)
        gradients, _ = optim.clip_grad_norm(gradients, settings.clip)
        optimizer.update(model, gradients)
        return loss

    log_folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    trained_tokens = 0
    recent: list[float] = []
    with (log_folder / "pretraining.jsonl").open("w") as log:
        stream = islice(batches(tokenizer, settings, "train"), settings.steps)
        for number, (tokens, targets) in enumerate(stream, start=1):
            loss = step(tokens)
            mx.eval(loss, state)
            trained_tokens += targets
            recent.append(loss.item())
            if number % 100 == 0 or number == settings.steps:
                row = {
                    "step": number,
                    "loss": round(sum(recent) / len(recent), 4),
                    "tokens": trained_tokens,
                    "seconds": round(time.monotonic() - started, 1),
                }
                if number % 500 == 0 or number == settings.steps:
                    row["held_out_loss"] = round(held_out_loss(model, tokenizer, settings), 4)
                    save_model(model, log_folder / "checkpoint")
                recent.clear()
                print(json.dumps(row), file=log, flush=True)
                print(row, flush=True)
    save_model(model, folder)
    return {
        **asdict(settings),
        "parameters": sum(value.size for _, value in tree_flatten(model.parameters())),
        "trained_tokens": trained_tokens,
        "seconds": round(time.monotonic() - started),
        "held_out_loss": row["held_out_loss"],
    }
