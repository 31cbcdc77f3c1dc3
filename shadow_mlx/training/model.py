"""The model to train: a fresh shadow on the backbone, or one that starts from another adapter."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.checkpoints.peft import (
    attach_network_of,
    differences_from,
    load_adapter,
    with_network_of,
)
from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.hub import resolving
from shadow_mlx.shadow import sizing
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.copying import copy_blocks
from shadow_mlx.training.carrying import carried_network, check_tokens_of_model

FREE_AT_START = frozenset({"alpha", "dropout", "aux_weight"})
"""Options of the shadow that no tensor's shape depends on."""


def prepare_model(
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    config: TrainConfig,
    start_from: Path | None = None,
    *,
    resumed: bool = False,
) -> AttachedModel:
    """Attach the shadow that ``config`` describes, in training mode, its weights evaluated.

    Args:
        backbone: The loaded mlx-lm model; wrapped in place.
        backbone_config: Its ``config.json``.
        config: The options.
        start_from: An adapter folder to take the weights from, instead of a fresh start.
        resumed: That folder is a checkpoint of this very run.

    Raises:
        ConfigError: The options do not fit the backbone or that adapter.
        CheckpointError: That adapter, or the shadow to start with, cannot be read.
    """
    model = attach_for_training(backbone, backbone_config, config, start_from, resumed=resumed)
    mx.eval(model.shadow.parameters())
    return model


def attach_for_training(
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    config: TrainConfig,
    start_from: Path | None = None,
    *,
    resumed: bool = False,
) -> AttachedModel:
    """:func:`prepare_model` without evaluating anything."""
    wanted = config.part(ShadowConfig)
    if start_from is not None:
        model = load_adapter(start_from, backbone, backbone_config)
        if resumed:  # the run's own options made its shape
            same = {name: getattr(wanted, name) for name in FREE_AT_START}
            wanted = dataclasses.replace(model.config, **same)
        else:
            wanted = _with_open_sizes_of(model.config, wanted)
            _check_shape(model.config, wanted, start_from)
        for layer in model.shadow.layers:
            layer.alpha = wanted.alpha
            layer.dropout = wanted.dropout
    else:
        model = _fresh(backbone, backbone_config, config)
        wanted = model.config
    model.config = wanted
    return made_ready(model, config)


def made_ready(model: AttachedModel, config: TrainConfig) -> AttachedModel:
    """The model as the options train it: what is frozen, what is computed again."""
    model.recompute_activations(config.grad_checkpoint)
    _freeze(model, config)
    model.train()
    return model


def _fresh(
    backbone: nn.Module, backbone_config: Mapping[str, Any], config: TrainConfig
) -> AttachedModel:
    """A shadow of which at most the network has been trained before; ``config`` says by whom."""
    wanted = config.part(ShadowConfig)
    if pretrained := pretrained_shadow(wanted):
        if differences_from(pretrained, backbone, backbone_config):
            network = carried_network(pretrained, backbone, config)
            return attach(backbone, backbone_config, wanted, seed=config.seed, network=network)
        wanted = with_network_of(pretrained, wanted)
        return attach_network_of(pretrained, backbone, backbone_config, wanted, seed=config.seed)
    decoder = find_decoder(backbone)
    wanted = local = sizing.sized(wanted, config.shadow_budget, decoder, backbone_config)
    if wanted.shadow != "mirror":
        folder = resolving.resolve_model(wanted.shadow, flag="--shadow")
        check_tokens_of_model(folder, config)
        local = dataclasses.replace(wanted, shadow=str(folder))
    model = attach(backbone, backbone_config, local, seed=config.seed)
    if config.shadow_start != "random":
        copy_blocks(model.shadow.backbone, model.decoder, config.shadow_start)
    model.config = wanted
    return model


def pretrained_shadow(config: ShadowConfig) -> Path | None:
    """The adapter folder whose shadow network ``--shadow`` means; ``None`` if it means a model.

    Raises:
        ModelError: It means nothing that is here or on the hub.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    if config.shadow == "mirror":
        return None
    return resolving.resolve_adapter(config.shadow, flag="--shadow")


def _freeze(model: AttachedModel, config: TrainConfig) -> None:
    """Leave out of the training what the options leave as it is."""
    shadow = model.shadow
    if config.objective == "pretrain" or config.freeze == "adapter":
        for layer in shadow.layers:
            layer.freeze()
        if "norm" in shadow:
            shadow.norm.freeze()
    elif config.freeze == "shadow":
        shadow.backbone.freeze()


def _with_open_sizes_of(found: ShadowConfig, wanted: ShadowConfig) -> ShadowConfig:
    """The options asked for, with the sizes of ``found`` where they were left open."""
    left_open = [name for name in ShadowConfig.MIRROR_ONLY if getattr(wanted, name) is None]
    return dataclasses.replace(wanted, **{name: getattr(found, name) for name in left_open})


def _check_shape(found: ShadowConfig, wanted: ShadowConfig, where: Path) -> None:
    differing = [
        f"  {flag}: the adapter has {has}, asked for is {asked}"
        for flag, has, asked in found.differing(wanted, ignoring=FREE_AT_START)
    ]
    if differing:
        raise ConfigError(
            f"{where}: the adapter to start from has another shape:\n" + "\n".join(differing)
        )
