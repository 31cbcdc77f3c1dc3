"""What a step of mlx-lm's LoRA takes at its peak, found as our own estimate is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.trainer import default_loss
from mlx_lm.tuner.utils import linear_to_lora_layers

from shadow_mlx.backbones.skeleton import build_backbone
from shadow_mlx.memory.graph import record
from shadow_mlx.memory.liveness import Memory, device_pace

LORA = {"rank": 8, "scale": 20.0, "dropout": 0.0}


def lora_peak(config: Mapping[str, Any], rows: int, length: int) -> int:
    """Bytes at the peak of a step of rank 8 in every linear layer; nothing is computed.

    Args:
        config: The backbone's ``config.json``.
        rows: Examples of the batch.
        length: Tokens of each, as mlx-lm pads them.
    """
    model = build_backbone(config, "the backbone")
    model.freeze()
    linear_to_lora_layers(model, len(model.layers), LORA)
    optimizer = optim.AdamW(1e-4)
    optimizer.init(model.trainable_parameters())
    trained = tree_flatten(model.trainable_parameters())
    names = {name for name, _ in trained}
    frozen = [pair for pair in tree_flatten(model.parameters()) if pair[0] not in names]
    moments = tree_flatten(optimizer.state)
    batch = [mx.zeros((rows, length + 1), mx.int32), mx.zeros((rows, 2), mx.int32)]
    gradients = nn.value_and_grad(model, default_loss)

    def step(*given: mx.array) -> list[mx.array]:
        arrays = iter(given)

        def named(like: list[tuple[str, mx.array]], values: Iterator[mx.array]) -> Any:
            return tree_unflatten([(name, next(values)) for name, _ in like])

        model.update(named(frozen, arrays))
        model.update(named(trained, arrays))
        optimizer.state = named(moments, arrays)
        (loss, tokens), found = gradients(model, *arrays)
        optimizer.update(model, found)
        changed = (model.trainable_parameters(), optimizer.state)
        return [loss, tokens, *(array for _, array in tree_flatten(changed))]

    state = [array for _, array in (*frozen, *trained, *moments)]
    graph = record(step, [*state, *batch])
    memory = Memory(device_pace())
    held = [memory.hold(graph.arrays[name].nbytes, "weights") for name in graph.inputs]
    memory.run(graph, held, range(len(frozen), len(held)), {})
    return memory.peak
