"""The shadow's own small network: a mirror of the backbone, or an explicit model.

Shapes: token ids ``[B, T]``; embeddings ``[B, T, D]``; the shadow's hidden states
``[B, T, D_s]``; the initial state ``s⁰`` ``[B, T, D]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Integer
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.backbones.block_states import states_behind
from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.reference import Reference
from shadow_mlx.backbones.settling import settle
from shadow_mlx.backbones.shared_rows import Starts, shared_row_caches
from shadow_mlx.errors import ModelError


class SharedEmbedding(nn.Module):
    """The backbone's frozen token embeddings, handed to the shadow in the shadow's width.

    Args:
        table: The backbone's embedding module, registered in the backbone's tree only.
        projection: ``[D_s, D]`` weights to learn when the widths differ, else ``None``.
    """

    def __init__(self, table: nn.Module, projection: nn.Linear | None) -> None:
        super().__init__()
        self.table = Reference(table)
        self.compute_dtype = mx.float32
        if projection is not None:
            self.projection = projection

    def __call__(
        self, inputs: Integer[mx.array, "batch length"]
    ) -> Float[mx.array, "batch length shadow"]:
        """``[B, T, D_s]`` for token ids ``[B, T]``."""
        embedded: mx.array = self.table.module(inputs).astype(self.compute_dtype)
        return self.projection(embedded) if "projection" in self else embedded


class Borrowed(nn.Module):
    """A frozen module of the backbone's, at work in the shadow."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = Reference(module)
        self.compute_dtype = mx.float32

    def __call__(self, inputs: mx.array) -> mx.array:
        """What the backbone's module makes of it."""
        made: mx.array = self.module.module(inputs)
        return made.astype(self.compute_dtype)


@dataclass(frozen=True)
class ShadowNetwork:
    """A shadow backbone before it is trained, with what is needed to build it again.

    Attributes:
        decoder: Its decoder; only ``decoder.inner`` is used, the head is the backbone's.
        model_config: The mlx-lm configuration that it was built from.
        caches: Number of caches that its own layers take.
        projection: Weights ``[D, D_s]`` that came with a published projected shadow, or ``None``.
        head: The matrix ``[V, D_s]`` whose logits it was trained to give, where it is not that of
            ``decoder``; a projection to another backbone is fitted to it.
    """

    decoder: Decoder
    model_config: dict[str, Any]
    caches: int
    projection: Float[mx.array, "hidden shadow"] | None = None
    head: npt.NDArray[np.float32] | None = None


class ShadowBackbone(nn.Module):
    """``s⁰ = P · ShadowBackbone(embed(x))`` (1), with its own part of the flat cache.

    Args:
        network: The small decoder.
        shares_embedding: Whether it is fed the backbone's frozen embeddings (a mirror) or keeps
            its own table, frozen (an explicit shadow).
        backbone: The backbone's decoder. What stands around a mirror's blocks beside the table
            (:attr:`.Decoder.around`) is the backbone's too, frozen, where it is of its shape.
        backbone_width: ``D``.
        dtype: Dtype of the state that is handed to the backbone.

    Raises:
        ModelError: An explicit shadow's vocabulary is smaller than the backbone's, or its
            projection was made for another width.
    """

    def __init__(
        self,
        network: ShadowNetwork,
        *,
        shares_embedding: bool,
        backbone: Decoder,
        backbone_width: int,
        dtype: mx.Dtype,
    ) -> None:
        super().__init__()
        self.decoder = network.decoder
        self.model_config = network.model_config
        self.state_dtype = dtype
        self.own_caches = network.caches
        # Some architectures read the cache at a fixed layer's index to build their masks: what the
        # blocks that hand through would take stays empty (a tuple, so that it is in no tree).
        self.unused_caches = tuple(make_prompt_cache(self.decoder.model)[network.caches :])
        self.decoder.drop_own_head()
        settle(self.decoder)
        width, table = embedding_width(self.decoder), backbone.embedding
        self.borrowed: tuple[Borrowed, ...] = ()
        if shares_embedding:
            narrowing = nn.Linear(backbone_width, width, bias=False)
            self.decoder.replace_embedding(
                SharedEmbedding(table, narrowing if width != backbone_width else None)
            )
            self.borrowed = tuple(_borrow(self.decoder, backbone))
        else:
            _check_vocabulary(self.decoder.embedding, table)
            self.decoder.embedding.freeze()
            for module in self.decoder.around.values():
                if isinstance(module, nn.Embedding):
                    module.freeze()
        self.inner = self.decoder.inner
        if width != backbone_width or network.projection is not None:
            self.projection = nn.Linear(width, backbone_width, bias=False)
            if network.projection is not None:
                _check_projection(network.projection, self.projection.weight)
                self.projection.weight = network.projection.astype(mx.float32)

    def __call__(
        self, inputs: Integer[mx.array, "batch length"], cache: list[Any] | None = None
    ) -> Float[mx.array, "batch length hidden"]:
        """The initial state ``s⁰`` ``[B, T, D]`` for token ids ``[B, T]``."""
        caches = None if cache is None else [*cache, *self.unused_caches]
        return self._led(self.decoder.final_hidden(inputs, caches))

    def states(
        self,
        inputs: Integer[mx.array, "batch length"],
        layers: Sequence[int],
        starts: Starts | None = None,
    ) -> tuple[Float[mx.array, "batch length hidden"], ...]:
        """``s⁰``, then the states behind some of its layers, each led to the backbone's width.

        Args:
            inputs: Token ids ``[B, T]``.
            layers: Numbers of layers, from 1. Behind the last one is ``s⁰``, and the others are
                read as it is: through the final norm and ``P``.
            starts: Of rows that hold several examples (:mod:`~shadow_mlx.backbones.shared_rows`).
        """
        caches = shared_row_caches(self.decoder.model, starts)
        return tuple(map(self._led, states_behind(self.decoder, inputs, layers, caches)))

    def _led(
        self, state: Float[mx.array, "batch length shadow"]
    ) -> Float[mx.array, "batch length hidden"]:
        if "projection" in self:
            state = self.projection(state)
        return state.astype(self.state_dtype)

    def make_cache(self, max_kv_size: int | None = None) -> list[Any]:
        """Fresh caches of the shadow's own layers."""
        caches: list[Any] = make_prompt_cache(self.decoder.model, max_kv_size)
        return caches[: self.own_caches]

    def cast(self, dtype: mx.Dtype) -> None:
        """Compute in ``dtype``: float32 to train, the backbone's dtype to save time and cache.

        What an architecture keeps wide (``cast_predicate``: decay rates, router biases) stays so.
        """
        may_cast = getattr(self.decoder.model, "cast_predicate", None)

        def converted(name: str, value: mx.array) -> mx.array:
            if not mx.issubdtype(value.dtype, mx.floating) or (may_cast and not may_cast(name)):
                return value
            return value.astype(dtype)

        self.update(tree_map_with_path(converted, self.parameters()))
        if isinstance(self.decoder.embedding, SharedEmbedding):
            self.decoder.embedding.compute_dtype = dtype
        for module in self.borrowed:
            module.compute_dtype = dtype

    @property
    def layers(self) -> list[nn.Module]:
        """The shadow's own decoder blocks."""
        return self.decoder.blocks


def lent_to(mirror: Decoder, backbone: Decoder) -> list[str]:
    """What stands around a mirror's blocks that is of the shape of the backbone's."""
    mine, theirs = mirror.around, backbone.around
    return [name for name, found in theirs.items() if _shapes(mine[name]) == _shapes(found)]


def _borrow(mirror: Decoder, backbone: Decoder) -> Iterator[Borrowed]:
    """Put the backbone's modules in the place of the mirror's."""
    for name in lent_to(mirror, backbone):
        theirs = backbone.around[name]
        several = isinstance(theirs, list)
        borrowed = [Borrowed(one) for one in (theirs if isinstance(theirs, list) else [theirs])]
        setattr(mirror.inner, name, borrowed if several else borrowed[0])
        yield from borrowed


def _shapes(modules: nn.Module | list[nn.Module]) -> list[tuple[int, ...]]:
    return [_shape(one) for one in (modules if isinstance(modules, list) else [modules])]


def _shape(module: nn.Module) -> tuple[int, ...]:
    """What goes in and out of a module, quantized or not."""
    rows, *columns = module.weight.shape
    if columns and "scales" in module:
        columns = [module.scales.shape[-1] * module.group_size]
    return (rows, *columns)


def embedding_width(decoder: Decoder) -> int:
    """The width of a decoder's token embeddings."""
    probe: mx.array = decoder.embedding(mx.zeros((1, 1), dtype=mx.int32))  # never evaluated
    return int(probe.shape[-1])


def _check_vocabulary(own: nn.Module, backbones: nn.Module) -> None:
    mine, theirs = own.weight.shape[0], backbones.weight.shape[0]
    if mine < theirs:
        raise ModelError(
            f"--shadow: its vocabulary has {mine} tokens and the backbone's {theirs}; "
            "an explicit shadow must share the backbone's tokenizer"
        )


def _check_projection(found: mx.array, expected: mx.array) -> None:
    if found.shape != expected.shape:
        raise ModelError(
            f"--shadow: its projection {list(found.shape)} does not lead from its own width to "
            f"the backbone's {list(expected.shape)}; it was made for another backbone"
        )


def in_float32(network: ShadowNetwork) -> ShadowNetwork:
    """The same network with float32 weights, as it is trained.

    Raises:
        ModelError: It is quantized.
    """
    inner = network.decoder.inner
    weights = tree_flatten(inner.parameters())
    quantized = [name for name, value in weights if not mx.issubdtype(value.dtype, mx.floating)]
    if quantized:
        raise ModelError(
            "--shadow: this model is quantized, and quantized weights cannot be trained "
            f"({quantized[0]} and {len(quantized) - 1} more); give an unquantized one"
        )
    inner.update(tree_unflatten([(name, value.astype(mx.float32)) for name, value in weights]))
    return network


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a stream of our own, and leave the caller's where it was."""
    state: Any = mx.random.state  # its stub says plain object
    high, low = state[0].tolist()
    mx.random.seed(seed)
    try:
        yield
    finally:
        mx.random.seed(high << 32 | low)  # a seed is the two words of its key
