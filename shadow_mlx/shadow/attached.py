"""The attached model: a frozen backbone whose blocks carry the shadow.

Shapes: token ids ``[B, T]``, hidden states and shadow states ``[B, T, D]``, logits ``[B, T, V]``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.backbone import (
    ShadowBackbone,
    ShadowNetwork,
    embedding_width,
    seeded,
)
from shadow_mlx.shadow.blocks import check_loop, entering, wrap_blocks
from shadow_mlx.shadow.decoder import Decoder, find_decoder
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.explicit import build_explicit, load_explicit
from shadow_mlx.shadow.head import HeadView
from shadow_mlx.shadow.mirror import build_mirror, new_mirror
from shadow_mlx.shadow.modules import Reference, ShadowLayer


class Shadow(nn.Module):
    """Everything that is trained: the shadow backbone, and the inject/update layers.

    ``layers`` holds one :class:`ShadowLayer` with ``sharing: depth`` and one for each block of the
    backbone with ``sharing: layer``.
    """

    def __init__(self, backbone: ShadowBackbone, layers: list[ShadowLayer]) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = layers


class AttachedModel(nn.Module):
    """Backbone plus shadow, with the call surface of an mlx-lm model.

    Args:
        decoder: The backbone's decoder; its blocks are wrapped here, in place.
        shadow: The shadow, registered once.
        config: The options that it was built with.

    Attributes:
        backbone: The mlx-lm model. Called by itself it is exactly the base model.
        shadow: The only trainable part.
    """

    def __init__(self, decoder: Decoder, shadow: Shadow, config: ShadowConfig) -> None:
        super().__init__()
        self.backbone = decoder.model
        self.backbone.freeze()
        self.shadow = shadow
        self.config = config
        self.decoder = decoder
        self.wrapping = wrap_blocks(decoder, shadow.layers)
        self.head_view = Reference(HeadView(decoder))
        self.backbone_caches = len(make_prompt_cache(self.backbone))

    def __call__(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        """Logits ``[B, T, V]`` of token ids ``[B, T]``; ``cache`` is of :meth:`make_cache`."""
        h, _ = self.hidden(inputs, cache)
        return self.head(h)

    def hidden(self, inputs: mx.array, cache: list[Any] | None = None) -> tuple[mx.array, mx.array]:
        """The backbone's final hidden state (after its norm) and ``s⁰``, both ``[B, T, D]``."""
        backbone_cache, shadow_cache = None, None
        if cache is not None:
            backbone_cache = cache[: self.backbone_caches]
            shadow_cache = cache[self.backbone_caches :]
        s0 = self.shadow.backbone(inputs, shadow_cache)
        with entering(self.wrapping, s0):
            return self.decoder.final_hidden(inputs, backbone_cache), s0

    def head(self, hidden: mx.array) -> mx.array:
        """The backbone's own head: ``[..., D]`` to logits ``[..., V]``."""
        logits: mx.array = self.head_view.module(hidden)
        return logits

    def make_cache(self, max_kv_size: int | None = None) -> list[Any]:
        """Fresh caches as one flat list: the backbone's, then the shadow's."""
        caches: list[Any] = make_prompt_cache(self.backbone, max_kv_size)
        return caches + self.shadow.backbone.make_cache(max_kv_size)

    @property
    def layers(self) -> list[nn.Module]:
        """The (wrapped) decoder blocks of the backbone."""
        return self.decoder.blocks

    @property
    def args(self) -> Any:
        """The backbone's mlx-lm arguments."""
        return getattr(self.backbone, "args", None)  # a few models keep none

    @property
    def model_type(self) -> str:
        """The backbone's architecture."""
        return str(self.backbone.model_type)

    def detached(self) -> DetachedModel:
        """The shadow alone, sharing this model's modules."""
        return DetachedModel(self.shadow.backbone, self.decoder)

    def recompute_activations(self, enabled: bool = True) -> None:
        """Gradient checkpointing: keep ``(h, s)`` of each block and recompute what is inside."""
        for block in self.decoder.blocks:
            block.recompute = enabled


def attach(
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    config: ShadowConfig,
    *,
    seed: int = 0,
    shadow_model_config: Mapping[str, Any] | None = None,
    own_table: bool = False,
    projected: bool = False,
) -> AttachedModel:
    """Put a fresh shadow on a loaded mlx-lm model.

    Args:
        backbone: The model; its blocks are wrapped in place and its weights are frozen.
        backbone_config: Its ``config.json``.
        config: The shadow's options. An explicit ``config.shadow`` must be a local folder.
        seed: Seed of the random start.
        shadow_model_config: Recorded configuration of the shadow network, when an adapter is
            about to be loaded into it; without it the options decide.
        own_table: A mirror keeps token embeddings of its own, frozen, instead of the backbone's.
        projected: An explicit shadow is projected even where the widths are equal.

    Raises:
        ConfigError: The options do not fit the backbone.
        UnsupportedArchitectureError: The architecture cannot carry a shadow; says why.
    """
    decoder = find_decoder(backbone)
    embedded: mx.array = decoder.embedding(mx.zeros((1, 1), dtype=mx.int32))  # never evaluated
    width = int(embedded.shape[-1])
    with seeded(seed):
        check_loop(decoder, width, embedded.dtype)
    with seeded(seed):
        network = _network(decoder, backbone_config, config, shadow_model_config)
        if projected and network.projection is None:
            blank = mx.zeros((width, embedding_width(network.decoder)))
            network = dataclasses.replace(network, projection=blank)
        layers = [
            ShadowLayer(
                width,
                config.rank,
                config.update_hidden_size or config.rank,
                config.alpha,
                config.dropout,
            )
            for _ in range(1 if config.sharing == "depth" else len(decoder.blocks))
        ]
        shadow_backbone = ShadowBackbone(
            network,
            shares_embedding=config.shadow == "mirror" and not own_table,
            table=decoder.embedding,
            backbone_width=width,
            dtype=embedded.dtype,
        )
    return AttachedModel(decoder, Shadow(shadow_backbone, layers), config)


def _network(
    decoder: Decoder,
    backbone_config: Mapping[str, Any],
    config: ShadowConfig,
    recorded: Mapping[str, Any] | None,
) -> ShadowNetwork:
    if config.shadow != "mirror":
        return build_explicit(recorded) if recorded else load_explicit(Path(config.shadow))
    if recorded:
        return build_mirror(decoder, recorded, config.shadow_layers or 1)
    return new_mirror(decoder, backbone_config, config)
