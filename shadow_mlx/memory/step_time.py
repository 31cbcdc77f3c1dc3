"""How long a training step takes on this machine, from a few steps on random weights.

The shapes are those of the run; no weight is read. Of a deep backbone two shorter ones are tried,
and what a block more takes is added up to its depth: that needs a part of the memory and the time.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import mlx.core as mx

from shadow_mlx.backbones.skeleton import read_config
from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.hub import resolving
from shadow_mlx.memory.estimate import attached_like, distillation_like
from shadow_mlx.memory.tracing import BatchShape
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.device import prepare_device
from shadow_mlx.training.objectives import objective_of
from shadow_mlx.training.optimizers import build_optimizer
from shadow_mlx.training.step import TrainingStep

STEPS = 4
"""Steps that are tried; the first one compiles, the fastest of the others counts."""

ENOUGH_SECONDS = 6.0
"""After so long no further step is tried."""

BLOCKS_APART = 4
"""Blocks by which the two backbones differ that stand for a deep one."""

DEPTHS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
"""What the number of blocks is called."""

ANY_LENGTH = 100  # steps of a run: no step takes longer for it


def batch_seconds(config: TrainConfig, shape: BatchShape) -> float:
    """Seconds of one batch of a run, its share of the optimizer's update included.

    Args:
        config: The run's options; ``config.model`` must be named.
        shape: The usual batch.

    Raises:
        InputError: The options do not fit the backbone, or its configuration cannot be used.
        HubError: The hub cannot be reached.
    """
    assert config.model is not None
    whole = read_config(resolving.resolve_config(config.model), config.model)
    model = attached_like(config, whole)  # nothing of it is evaluated
    depth, short = len(model.layers), max(2, model.config.layers)
    if config.shadow != "mirror" or depth <= short + BLOCKS_APART or not _shortened(whole, short):
        return _timed(model, config, shape)
    # As large as the whole one's shadow: a budget is a share of the backbone.
    sizes = {one.name: getattr(model.config, one.name) for one in dataclasses.fields(ShadowConfig)}
    sized = dataclasses.replace(config, shadow_budget=None, **sizes)
    del model
    less, more = (
        _timed(attached_like(sized, _shortened(whole, blocks)), sized, shape)
        for blocks in (short, short + BLOCKS_APART)
    )
    return more + max(0.0, more - less) / BLOCKS_APART * (depth - short - BLOCKS_APART)


def _shortened(config: Mapping[str, Any], blocks: int) -> dict[str, Any]:
    """The same backbone with fewer blocks; empty where it does not say how many it has.

    Settings that are lists have one item a block.
    """
    if isinstance(config.get("text_config"), Mapping):
        part = _shortened(config["text_config"], blocks)
        return {**config, "text_config": part} if part else {}
    name = next((name for name in DEPTHS if isinstance(config.get(name), int)), None)
    if name is None:
        return {}
    lists = {
        key: value[:blocks]
        for key, value in config.items()
        if isinstance(value, list) and len(value) == config[name]
    }
    return {**config, **lists, name: blocks}


def _timed(model: AttachedModel, config: TrainConfig, shape: BatchShape) -> float:
    mx.eval(model.backbone.parameters(), model.shadow.parameters())
    objective = objective_of(config, distillation_like(config, model), model)
    step = TrainingStep(model, build_optimizer(config, ANY_LENGTH), objective, clip=config.clip)
    prepare_device()
    window = [shape.zeros()] * config.grad_accumulation_steps
    tokens = shape.trained * len(window)
    began, found = time.perf_counter(), []
    for number in range(1, STEPS + 1):
        start = time.perf_counter()
        step.finish(step.start(number, window, tokens, [0.0, 1.0]))
        found.append(time.perf_counter() - start)
        if time.perf_counter() - began > ENOUGH_SECONDS:
            break
    del step, model
    mx.clear_cache()
    return min(found[1:] or found) / len(window)
