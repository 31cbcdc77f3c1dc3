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

from .corpus import Message, conversations
from .initial import bring_spellings_together, plant_induction

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
    "intermediate_size": 384,
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
PAD_ID, START_ID, END_ID = 0, 1, 2
TARGETS_STEP = 64


@dataclass(frozen=True)
class Settings:
    """What decides the weights, beside the text itself."""

    seed: int = 0
    steps: int = 6000
    batch_tokens: int = 512
    length_step: int = 16
    learning_rate: float = 5e-4
    embedding_learning_rate: float = 2e-4
    final_share: float = 0.02  #: of the peak learning rates, at the end
    warmup: int = 100
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0


def token_ids(tokenizer: PreTrainedTokenizerBase, messages: tuple[Message, ...]) -> list[int]:
    """The whole conversation through the chat template."""
    return tokenizer.encode(
        tokenizer.apply_chat_template(list(messages), tokenize=False), add_special_tokens=False
    )


def answer_positions(ids: list[int], assistant_id: int) -> list[int]:
    """Where the tokens stand that an assistant writes.

    That is everything after ``<|im_start|>assistant`` and its newline, up to and with
    ``<|im_end|>``.
    """
    positions = []
    answering = False
    for index, token in enumerate(ids):
        if answering:
            positions.append(index)
            answering = token != END_ID
        elif index >= 2 and ids[index - 2] == START_ID and ids[index - 1] == assistant_id:
            answering = True
    return positions


@dataclass(frozen=True)
class Batch:
    """Conversations of about one length, and which of their tokens are learnt."""

    tokens: mx.array  #: [B, T + 1] ids, padded
    positions: mx.array  #: [N] of the learnt tokens in the flattened [B, T] targets, padded
    weights: mx.array  #: [N] 1, or 0 where ``positions`` is padding


def make_batch(rows: list[list[int]], width: int, assistant_id: int) -> Batch:
    """Pad rows to ``width + 1`` tokens, and the number of targets to a multiple of 64."""
    positions = [
        number * width + position - 1
        for number, row in enumerate(rows)
        for position in answer_positions(row, assistant_id)
    ]
    padding = -len(positions) % TARGETS_STEP
    return Batch(
        mx.array([row + [PAD_ID] * (width + 1 - len(row)) for row in rows]),
        mx.array(positions + [0] * padding),
        mx.array([1.0] * len(positions) + [0.0] * padding),
    )


def batches(tokenizer: PreTrainedTokenizerBase, settings: Settings, stream: str) -> Iterator[Batch]:
    """Endless batches from one stream of the corpus.

    ``T`` is a multiple of ``length_step`` and ``B`` follows from it, so that the compiled
    step sees few distinct shapes. No conversation is cut or joined to another.
    """
    assistant_id = tokenizer.convert_tokens_to_ids("assistant")
    waiting: dict[int, list[list[int]]] = defaultdict(list)
    for conversation in conversations(settings.seed, stream):
        ids = token_ids(tokenizer, conversation.messages)
        width = -(-(len(ids) - 1) // settings.length_step) * settings.length_step
        bucket = waiting[width]
        bucket.append(ids)
        if len(bucket) == max(1, settings.batch_tokens // width):
            yield make_batch(bucket, width, assistant_id)
            bucket.clear()


def mean_loss(model: Model, tokens: mx.array, positions: mx.array, weights: mx.array) -> mx.array:
    """Mean cross-entropy (nats) of the learnt tokens; the head runs on those alone."""
    hidden = model.model(tokens[:, :-1])
    hidden = hidden.reshape(-1, hidden.shape[-1])[positions]
    logits = model.model.embed_tokens.as_linear(hidden)
    losses = nn.losses.cross_entropy(logits, tokens[:, 1:].reshape(-1)[positions])
    return (losses * weights).sum() / weights.sum()


def held_out_loss(
    model: Model, tokenizer: PreTrainedTokenizerBase, settings: Settings, amount: int = 40
) -> float:
    """Mean loss per answer token (nats) on the ``held-out`` stream."""
    total, count = 0.0, 0.0
    for batch in islice(batches(tokenizer, settings, "held-out"), amount):
        targets = batch.weights.sum().item()
        loss = mean_loss(model, batch.tokens, batch.positions, batch.weights)
        total += loss.item() * targets
        count += targets
    return round(total / count, 4)


def new_model(tokenizer: PreTrainedTokenizerBase, seed: int) -> Model:
    """Sprout before training: random weights with one circuit planted."""
    mx.random.seed(seed)
    model = Model(ModelArgs.from_dict(CONFIG))
    bring_spellings_together(model, tokenizer)
    plant_induction(model)
    return model


def save_model(model: Model, folder: Path) -> None:
    """Write the weights and configurations that ``mlx_lm.load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "pt"})
    for name, content in (("config", CONFIG), ("generation_config", GENERATION_CONFIG)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def make_optimizer(settings: Settings) -> optim.Optimizer:
    """AdamW with warm-up and cosine; the embeddings move slower and do not decay.

    At the pace of the other weights, the shared part of the softmax gradient would drown
    what tells rare words apart.
    """

    def adamw(learning_rate: float, weight_decay: float) -> optim.Optimizer:
        warm = optim.linear_schedule(0.0, learning_rate, settings.warmup)
        cosine = optim.cosine_decay(
            learning_rate, settings.steps - settings.warmup, learning_rate * settings.final_share
        )
        return optim.AdamW(
            learning_rate=optim.join_schedules([warm, cosine], [settings.warmup]),
            betas=list(settings.betas),
            weight_decay=weight_decay,
            bias_correction=True,
        )

    return optim.MultiOptimizer(
        [
            adamw(settings.embedding_learning_rate, 0.0),
            adamw(settings.learning_rate, settings.weight_decay),
        ],
        [lambda name, _: "embed_tokens" in name],
    )


def pretrain(folder: Path, log_folder: Path, settings: Settings) -> dict[str, Any]:
    """Train from scratch with the tokenizer in ``folder`` and save the weights there.

    Progress goes to stdout, and to ``log_folder/pretraining.jsonl``; ``log_folder`` also
    gets the unfinished weights now and then. Returns the figures for the model card.
    """
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = new_model(tokenizer, settings.seed)
    optimizer = make_optimizer(settings)
    loss_and_gradients = nn.value_and_grad(model, mean_loss)
    state = [model.state, optimizer.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(tokens: mx.array, positions: mx.array, weights: mx.array) -> mx.array:
        loss, gradients = loss_and_gradients(model, tokens, positions, weights)
        gradients, _ = optim.clip_grad_norm(gradients, settings.clip)
        optimizer.update(model, gradients)
        return loss

    log_folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    trained_tokens = 0
    recent: list[float] = []
    with (log_folder / "pretraining.jsonl").open("w") as log:
        stream = islice(batches(tokenizer, settings, "train"), settings.steps)
        for number, batch in enumerate(stream, start=1):
            loss = step(batch.tokens, batch.positions, batch.weights)
            mx.eval(loss, state)
            trained_tokens += int((batch.tokens[:, 1:] != PAD_ID).sum().item())
            recent.append(loss.item())
            if number % 50 == 0 or number == settings.steps:
                row = {
                    "step": number,
                    "loss": round(sum(recent) / len(recent), 4),
                    "tokens": trained_tokens,
                    "seconds": round(time.monotonic() - started, 1),
                }
                if number % 250 == 0 or number == settings.steps:
                    row["held_out_loss"] = held_out_loss(model, tokenizer, settings)
                    save_model(model, log_folder / "checkpoint")
                recent.clear()
                print(json.dumps(row), file=log, flush=True)
                print(row, flush=True)
    save_model(model, folder)
    return {
        **asdict(settings),
        "parameters": sum(value.size for _, value in tree_flatten(model.parameters())),
        **row,
    }
