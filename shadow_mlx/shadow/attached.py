"""The attached model: a frozen backbone whose blocks carry the shadow.

Shapes: token ids ``[B, T]``, hidden states and shadow states ``[B, T, D]``, logits ``[B, T, V]``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float, Integer
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.backbones.block_states import states_behind
from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.backbones.reference import Reference
from shadow_mlx.backbones.settling import settle
from shadow_mlx.backbones.sharding import split
from shadow_mlx.backbones.shared_rows import Starts, shared_row_caches
from shadow_mlx.backbones.wrapping import check_loop, entering, wrap_blocks
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.notes import note
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.draft_tokens import DraftTokens
from shadow_mlx.shadow.explicit import build_explicit, load_explicit
from shadow_mlx.shadow.mirror import build_mirror, new_mirror
from shadow_mlx.shadow.modules import ShadowLayer
from shadow_mlx.shadow.network import ShadowBackbone, ShadowNetwork, embedding_width, seeded
from shadow_mlx.shadow.projection import fitted_projection, head_matrix, unsaid
from shadow_mlx.shadow.shadow_peft import OriginalShadowLayer, SkippedLayer, Variant

_ANOTHER_HEAD = 0.5
"""Of a projected shadow's own head; quantizing the backbone to 4 bits leaves a tenth out."""


class Shadow(nn.Module):
    """Everything that is trained: the shadow backbone, and the inject/update layers.

    ``layers`` holds one :class:`ShadowLayer` with ``sharing: depth`` and otherwise one for each
    block of the backbone, of which with ``sharing: update`` only the first has T and G. In the
    original variant there is one for each block but the first, and ``norm``, which they share.
    """

    def __init__(
        self,
        backbone: ShadowBackbone,
        layers: Sequence[ShadowLayer],
        norm: nn.LayerNorm | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = list(layers)
        if norm is not None:
            self.norm = norm

    @property
    def variant(self) -> Variant:
        """Which of the two functions this is."""
        return "original" if "norm" in self else "peft"

    def for_blocks(self, count: int) -> list[ShadowLayer]:
        """The layer of each of the backbone's ``count`` blocks."""
        if self.variant == "original":
            return [SkippedLayer(), *self.layers]
        return list(self.layers) * (count if len(self.layers) == 1 else 1)


class AttachedModel(nn.Module):
    """Backbone plus shadow, with the call surface of an mlx-lm model.

    Args:
        decoder: The backbone's decoder; its blocks are wrapped here, in place.
        shadow: The shadow, registered once.
        config: The options that it was built with.

    Attributes:
        backbone: The mlx-lm model. Called by itself it is exactly the base model.
        shadow: The only trainable part.
        packed_bytes: Bytes of what :meth:`pack` has made.
        draft_tokens: Those that its answers usually use, where the adapter tells of them.
    """

    def __init__(self, decoder: Decoder, shadow: Shadow, config: ShadowConfig) -> None:
        super().__init__()
        self.backbone = decoder.model
        self.backbone.freeze()
        self.shadow = shadow
        self.config = config
        self.decoder = decoder
        self.wrapping = wrap_blocks(decoder, shadow.for_blocks(len(decoder.blocks)))
        self.head_view = Reference(HeadView(decoder))
        self.backbone_caches = len(make_prompt_cache(self.backbone))
        self.packed_bytes = 0
        self.draft_tokens = DraftTokens()

    def __call__(
        self, inputs: Integer[mx.array, "batch length"], cache: list[Any] | None = None
    ) -> Float[mx.array, "batch length vocabulary"]:
        """Logits ``[B, T, V]`` of token ids ``[B, T]``; ``cache`` is of :meth:`make_cache`."""
        h, _ = self.hidden(inputs, cache)
        return self.head(h)

    def hidden(
        self,
        inputs: Integer[mx.array, "batch length"],
        cache: list[Any] | None = None,
        s0: Float[mx.array, "batch length hidden"] | None = None,
    ) -> tuple[Float[mx.array, "batch length hidden"], Float[mx.array, "batch length hidden"]]:
        """The backbone's final hidden state (after its norm) and ``s⁰``, both ``[B, T, D]``.

        Args:
            inputs: Token ids.
            cache: Of :meth:`make_cache`.
            s0: Where it was computed already, with the shadow's part of the caches.
        """
        backbone_cache, shadow_cache = None, None
        if cache is not None:
            backbone_cache = cache[: self.backbone_caches]
            shadow_cache = cache[self.backbone_caches :]
        if s0 is None:
            s0 = self.shadow.backbone(inputs, shadow_cache)
        with entering(self.wrapping, s0):
            return self.decoder.final_hidden(inputs, backbone_cache), s0

    def states(
        self,
        inputs: Integer[mx.array, "batch length"],
        blocks: Sequence[int],
        s0: Float[mx.array, "batch length hidden"] | None = None,
        starts: Starts | None = None,
    ) -> tuple[Float[mx.array, "batch length hidden"], ...]:
        """The final hidden state, then those behind some of the blocks, read as it is.

        Args:
            inputs: Token ids.
            blocks: Numbers of blocks, from 1.
            s0: Where it was computed already.
            starts: Of rows that hold several examples (:mod:`~shadow_mlx.backbones.shared_rows`).
        """
        if s0 is None:
            (s0,) = self.shadow.backbone.states(inputs, (), starts)
        caches = shared_row_caches(self.backbone, starts)
        with entering(self.wrapping, s0):
            return states_behind(self.decoder, inputs, blocks, caches)

    def head(
        self, hidden: Float[mx.array, "*positions hidden"]
    ) -> Float[mx.array, "*positions vocabulary"]:
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

    def split(self, group: Any, name: str) -> int:
        """Keep this process's part of the backbone, and the whole shadow.

        The arguments, the result and the errors are those of
        :func:`shadow_mlx.backbones.sharding.split`.
        """
        elsewhere = split(self.backbone, group, name)
        self.head_view = Reference(HeadView(self.decoder))  # of which a part may be elsewhere, too
        return elsewhere

    def pack(self) -> None:
        """Lay copies of the injections' and updates' weights out for decoding (:mod:`.packed`).

        Gradients, training and changed weights go by the weights themselves, as before.
        """
        dtype = self.shadow.backbone.state_dtype
        copies = [array for layer in self.shadow.layers for array in layer.pack(dtype)]
        mx.eval(copies)
        self.packed_bytes = sum(array.nbytes for array in copies)

    def recompute_activations(self, enabled: bool = True) -> None:
        """Gradient checkpointing: keep ``(h, s)`` of each block and recompute what is inside.

        Raises:
            ConfigError: The variant is the original: its shared norm would get no gradient.
        """
        if enabled and self.shadow.variant == "original":
            raise ConfigError(
                "--grad-checkpoint: not with the original variant, whose blocks share a norm"
            )
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
    variant: Variant = "peft",
    network: ShadowNetwork | None = None,
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
        variant: PEFT's function, or that of the authors' first package (see :mod:`.shadow_peft`).
        network: An explicit shadow's network, where it is none that ``config.shadow`` alone names.

    Raises:
        ConfigError: The options do not fit the backbone.
        UnsupportedArchitectureError: The architecture cannot carry a shadow; says why.
    """
    if config.shadow == "mirror":
        config = dataclasses.replace(config, shadow_layers=config.layers)
    decoder = find_decoder(backbone)
    settle(decoder)
    embedded: mx.array = decoder.embedding(mx.zeros((1, 1), dtype=mx.int32))  # never evaluated
    width = int(embedded.shape[-1])
    with seeded(seed):
        check_loop(decoder, ShadowLayer(width, 1, 1, 1.0, 0.0), width, embedded.dtype)
    with seeded(seed):
        if network is None:
            network = _network(decoder, backbone_config, config, shadow_model_config)
        if config.shadow != "mirror" and not shadow_model_config:
            network = _led_to(decoder, network, width)
        if projected and network.projection is None:
            blank = mx.zeros((width, embedding_width(network.decoder)))
            network = dataclasses.replace(network, projection=blank)
        layers, norm = _layers(config, variant, width, len(decoder.blocks))
        shadow_backbone = ShadowBackbone(
            network,
            shares_embedding=config.shadow == "mirror" and not own_table,
            backbone=decoder,
            backbone_width=width,
            dtype=embedded.dtype,
        )
    return AttachedModel(decoder, Shadow(shadow_backbone, layers, norm), config)


def _layers(
    config: ShadowConfig, variant: Variant, width: int, blocks: int
) -> tuple[Sequence[ShadowLayer], nn.LayerNorm | None]:
    """The inject/update layers, and what the original variant's share."""
    update_width = config.update_hidden_size or config.rank
    sizes = (width, config.rank, update_width, config.alpha, config.dropout)
    if variant == "peft":
        first = ShadowLayer(*sizes)
        others = 0 if config.sharing == "depth" else blocks - 1
        rule = first if config.sharing == "update" else None
        return [first, *(ShadowLayer(*sizes, rule) for _ in range(others))], None
    if config.sharing != "layer" or blocks < 2:
        raise ConfigError(
            "the original variant has a module for every block but the first: it needs "
            "--sharing layer and a backbone of two blocks or more"
        )
    norm = nn.LayerNorm(width)
    return [OriginalShadowLayer(*sizes, norm) for _ in range(blocks - 1)], norm


def _network(
    decoder: Decoder,
    backbone_config: Mapping[str, Any],
    config: ShadowConfig,
    recorded: Mapping[str, Any] | None,
) -> ShadowNetwork:
    if config.shadow != "mirror":
        return build_explicit(recorded) if recorded else load_explicit(Path(config.shadow))
    if recorded:
        return build_mirror(decoder, recorded, config.layers)
    return new_mirror(decoder, backbone_config, config)


def _led_to(decoder: Decoder, network: ShadowNetwork, width: int) -> ShadowNetwork:
    """The network with a start for the projection that this backbone wants of it."""
    own = network.head
    if network.projection is not None:
        if network.projection.shape[0] == width and own is not None:
            _tell_of_another_head(unsaid(own, network.projection, decoder))
        if network.projection.shape[0] == width or own is None:
            return network
    elif own is None:
        if embedding_width(network.decoder) == width:
            return network
        own = head_matrix(network.decoder)
    projection, left = fitted_projection(own, decoder)
    note(
        f"the shadow's projection begins as the least squares between the two heads; {left:.1%} of "
        "the shadow's own head is not in it"
    )
    return dataclasses.replace(network, projection=projection)


def _tell_of_another_head(left: float) -> None:
    """A projection is taken as it was published, as PEFT does, whatever the backbone's head."""
    if left > _ANOTHER_HEAD:
        note(
            f"--shadow: its projection was made for another head than this backbone's ({left:.0%} "
            "of what it says is not said here). It is taken as it is; give the adapter that it "
            "came from to have one fitted"
        )
