"""A shadow that was trained on another backbone with the same tokens, brought from there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx import loading
from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.folder import has_tokenizer
from shadow_mlx.backbones.skeleton import build_backbone, read_config
from shadow_mlx.backbones.vocabularies import token_conflicts
from shadow_mlx.checkpoints.peft import load_adapter, recorded_backbone, shaped_like
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError, HubError, ModelError
from shadow_mlx.hub import resolving
from shadow_mlx.notes import note
from shadow_mlx.shadow.carried import carried, check_carried, said_head
from shadow_mlx.shadow.network import ShadowNetwork, embedding_width


def carried_network(adapter: Path, backbone: nn.Module, config: TrainConfig) -> ShadowNetwork:
    """The trained network of an adapter of another backbone, for this one.

    It has a table of its own, and the head that it was trained for, to which
    :func:`~shadow_mlx.shadow.attached.attach` fits its projection. Of its first backbone only
    embeddings and head are read.

    Args:
        adapter: The adapter's folder.
        backbone: The loaded backbone that it is taken to.
        config: The run's options.

    Raises:
        ConfigError: Its tokens are others, or it does not record its first backbone.
        ModelError: Its first backbone is not there, or cannot be read.
        CheckpointError: The adapter cannot be read.
        UnsupportedArchitectureError: Its architecture needs its own backbone.
        HubError: The hub cannot be reached.
    """
    trusted = config.trust_remote_code
    name = _recorded(adapter)
    try:
        folder = resolving.resolve_recorded(name, adapter, trust_remote_code=trusted)
    except (ModelError, HubError) as error:
        raise type(error)(_without(adapter, name, str(error))) from error
    tokens = _check_tokens(str(adapter), folder, config)
    first, first_config, _ = loading.load_backbone(folder, lazy=True, trust_remote_code=trusted)
    trained = load_adapter(adapter, first, first_config)
    shadow = trained.shadow.backbone
    network = carried(shadow, _rows(backbone))
    check_carried(shadow, network, tokens)
    head = said_head(shadow, trained.decoder, tokens)
    note(f"the shadow of {adapter} comes from another backbone, {name}; its tokens are the same")
    return dataclasses.replace(network, head=head)


def carried_shape(adapter: Path, backbone: nn.Module) -> ShadowNetwork:
    """:func:`carried_network` without a weight of anything; ``backbone`` may be a skeleton.

    Raises:
        ShadowMLXError: See there.
    """
    name = _recorded(adapter)
    try:
        folder = resolving.resolve_config(resolving.find_recorded(name, adapter))
    except (ModelError, HubError) as error:
        raise type(error)(_without(adapter, name, str(error))) from error
    first_config = read_config(folder, name)
    trained = shaped_like(adapter, build_backbone(first_config, name), first_config)
    network = carried(trained.shadow.backbone, _rows(backbone))
    width = embedding_width(find_decoder(backbone))
    projection = mx.zeros((width, embedding_width(network.decoder)))
    return dataclasses.replace(network, projection=projection)


def check_tokens_of_model(folder: Path, config: TrainConfig) -> None:
    """Refuse a model as a shadow whose tokenizer, if it has one, is not the backbone's.

    Raises:
        ConfigError: Its tokens are others.
        ModelError: A tokenizer cannot be read.
    """
    if has_tokenizer(folder):
        _check_tokens(config.shadow, folder, config)


def _check_tokens(shadow: str, folder: Path, config: TrainConfig) -> int:
    """How many numbers the tokens have that both tokenizers know."""
    assert config.model is not None
    trusted = config.trust_remote_code
    own_folder = resolving.resolve_tokenizer(config.model, trust_remote_code=trusted)
    own = loading.load_tokenizer(own_folder, trust_remote_code=trusted)
    its = loading.load_tokenizer(folder, trust_remote_code=trusted)
    if examples := token_conflicts(its, own):
        shown = "; ".join(examples[:3])
        raise ConfigError(
            f"--shadow {shadow}: its tokens are not those of {config.model} ({shown}), so what it "
            "has learnt means nothing there; take a backbone of the same family, or a shadow of "
            "this one"
        )
    theirs, ours = its.get_vocab(), own.get_vocab()
    return 1 + max(number for text, number in theirs.items() if text in ours)


def _recorded(adapter: Path) -> str:
    name = recorded_backbone(adapter)
    if name is None:
        raise ConfigError(
            f"--shadow {adapter}: it was trained on another backbone and does not record on which "
            "(base_model_name_or_path in adapter_config.json), so its embeddings are not known"
        )
    return name


def _without(adapter: Path, name: str, why: str) -> str:
    return (
        f"--shadow {adapter}: this shadow reads the embeddings of the backbone that it was trained "
        f"on, {name}, which cannot be had: {why}. Where that is, shadow-mlx export --to projected "
        "writes a shadow with embeddings of its own"
    )


def _rows(backbone: nn.Module) -> int:
    table: Any = find_decoder(backbone).embedding
    return int(table.weight.shape[0])
