"""The loss of any model on supervised tokens.

B batch · T tokens · D hidden size · V vocabulary
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.errors import Interrupted, UnsupportedArchitectureError
from shadow_mlx.kernels import uninterrupted
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.training.losses import Head, gather, head_loss, supervised

Hidden = Callable[[mx.array], mx.array]


def mean_loss(
    model: Any, dataset: EncodedDataset, *, batch_size: int = 16, stop: StopToken | None = None
) -> float:
    """Mean cross entropy in nats over every supervised token of ``dataset``.

    Raises:
        Interrupted: ``stop`` asked for it.
    """
    hidden, head = _parts(model)
    total, tokens = 0.0, 0
    for batch in BatchPlan(dataset, batch_size, shuffle=False).iterate(epochs=1):
        if stop is not None and stop.stopping:
            raise Interrupted("stopped while the losses were measured")
        chosen = supervised(batch)
        states = gather(hidden(chosen.inputs), chosen.positions)
        summed = head_loss(head, states, chosen, differentiable=False)
        value: Any = uninterrupted(summed.item)
        total += value
        tokens += batch.tokens
    return total / tokens


def perplexity(loss: float) -> float:
    """``exp(loss)``; infinite where that has no float."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def _parts(model: Any) -> tuple[Hidden, Head]:
    """Token ids ``[B, T]`` to final hidden states ``[B, T, D]``, and those to logits."""
    if isinstance(model, AttachedModel):
        return (lambda inputs: model.hidden(inputs)[0]), model.head
    if isinstance(model, DetachedModel):
        return model.shadow, model.head
    try:
        decoder = find_decoder(model)
    except UnsupportedArchitectureError:  # it answers all the same
        return model, lambda logits: logits
    return decoder.final_hidden, HeadView(decoder)
