"""Finds an mlx-lm model's decoder loop, and wraps its blocks so that ``(h, s)`` rides it.

Almost every mlx-lm architecture loops ``h = block(h, mask, cache)`` over a list of blocks. Each
block is replaced by a :class:`ShadowBlock`; the pair enters at the first one and leaves at the
last one, so the code around the loop (masks, caches, final norm, head) stays mlx-lm's own.

Shapes: ``h`` and ``s`` are ``[B, T, D]``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.shadow.modules import Reference, ShadowLayer

_BLOCK_LISTS = ("layers", "h", "blocks")
_EMBEDDINGS = (
    "embed_tokens",
    "wte",
    "tok_embeddings",
    "word_embeddings",
    "embed_in",
    "token_embeddings",
    "embeddings",
    "embedding",
)


@dataclass(frozen=True)
class Decoder:
    """Where one mlx-lm model keeps its decoder loop.

    Attributes:
        model: The whole model, token ids to logits.
        inner: The module that owns the embeddings, the blocks and the final norm.
        path: Attribute names from ``model`` to ``inner``.
        blocks_name: Attribute of ``inner`` that holds the list of blocks.
        embedding_name: Attribute of ``inner`` that holds the token embeddings.
    """

    model: nn.Module
    inner: nn.Module
    path: tuple[str, ...]
    blocks_name: str
    embedding_name: str

    @property
    def name(self) -> str:
        """The architecture's name, as mlx-lm calls it."""
        return type(self.model).__module__.rsplit(".", 1)[-1]

    @property
    def blocks(self) -> list[nn.Module]:
        """The decoder blocks, in the order of the loop."""
        return list(self.inner[self.blocks_name])

    def replace_blocks(self, blocks: Sequence[nn.Module]) -> None:
        """Put other blocks into the loop."""
        setattr(self.inner, self.blocks_name, list(blocks))

    @property
    def embedding(self) -> nn.Module:
        """The token embedding table (possibly quantized)."""
        table = self.inner[self.embedding_name]
        assert isinstance(table, nn.Module)
        return table

    def replace_embedding(self, table: nn.Module) -> None:
        """Put another table before the loop."""
        setattr(self.inner, self.embedding_name, table)

    def final_hidden(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        """Hidden states ``[B, T, D]`` after the final norm, for token ids ``[B, T]``."""
        hidden: mx.array = self.inner(inputs, cache=cache, **_required_as_none(self.inner))
        return hidden

    def head(self) -> nn.Module:
        """Whatever the model does after its inner part: ``[..., D]`` to logits ``[..., V]``.

        Soft-caps, scales, biases and tied tables differ by architecture, so the model's own code
        runs, on a shallow copy in which the inner part hands its input through. No array is copied.
        """
        replacement: nn.Module = _HandThrough(self.inner)
        for depth in range(len(self.path), 0, -1):
            parent = _descend(self.model, self.path[: depth - 1])
            clone = _shallow_copy(parent)
            clone[self.path[depth - 1]] = replacement
            replacement = clone
        return replacement


def find_decoder(model: nn.Module) -> Decoder:
    """The decoder of an mlx-lm model: the outermost module with both blocks and embeddings.

    Raises:
        UnsupportedArchitectureError: There is none, or its call has no ``cache`` argument.
    """
    queue: list[tuple[tuple[str, ...], nn.Module]] = [((), model)]
    for path, module in queue:  # breadth first; the list grows while it is read
        blocks_name = next((name for name in _BLOCK_LISTS if _is_block_list(module, name)), None)
        embedding_name = _embedding_name(module)
        if path and blocks_name and embedding_name:
            decoder = Decoder(model, module, path, blocks_name, embedding_name)
            if "cache" not in inspect.signature(module.__call__).parameters:
                raise UnsupportedArchitectureError(
                    f"{decoder.name}: its decoder takes no cache argument, which the shadow needs"
                )
            return decoder
        queue += [
            ((*path, name), child)
            for name, child in module.children().items()
            if isinstance(child, nn.Module)
        ]
    name = type(model).__module__.rsplit(".", 1)[-1]
    raise UnsupportedArchitectureError(
        f"{name}: no module holds both a list of decoder blocks and a token embedding"
    )


@dataclass(frozen=True)
class Pair:
    """``(h, s)`` between two blocks. ``depth`` is the number of blocks it has been through."""

    hidden: mx.array
    shadow: mx.array
    depth: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the hidden state; some loops look at it."""
        return self.hidden.shape

    @property
    def dtype(self) -> mx.Dtype:
        """Dtype of the hidden state; some loops look at it."""
        return self.hidden.dtype


# s⁰ on its way into the first block, with the list of blocks that it is meant for. Set only within
# one call of one thread (a context variable), so nothing survives a call or an exception.
_entering: ContextVar[tuple[object, mx.array] | None] = ContextVar("entering", default=None)


@contextmanager
def entering(wrapping: object, initial_state: mx.array) -> Iterator[None]:
    """Hand ``s⁰`` to the first block of ``wrapping`` for the calls made inside."""
    token = _entering.set((wrapping, initial_state))
    try:
        yield
    finally:
        _entering.reset(token)


class ShadowBlock(nn.Module):
    """A frozen decoder block with the shadow's injection before it and the update after it.

    Called with a plain array while no shadow is entering, it is exactly the block that it wraps:
    the wrapped backbone called alone is the base model.
    """

    def __init__(
        self, block: nn.Module, layer: ShadowLayer, index: int, count: int, wrapping: object
    ) -> None:
        super().__init__()
        self.block = block
        self.shadow_layer = Reference(layer)
        self.index = index
        self.last = index == count - 1
        self.wrapping = wrapping
        self.recompute = False  # gradient checkpointing: keep (h, s) only, recompute the rest

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The block's own arguments, the hidden state first; a :class:`Pair` in, a pair out."""
        if not args:  # a few loops pass the hidden state by name
            first = next(iter(inspect.signature(self.block.__call__).parameters))
            args = (kwargs.pop(first),)
        x, *rest = args
        if isinstance(x, Pair):
            if x.depth != self.index:
                raise UnsupportedArchitectureError("its loop skips or repeats decoder blocks")
            h, s = x.hidden, x.shadow
        elif self.index == 0 and (state := self._entering_state()) is not None:
            h, s = x, state
        else:
            return self.block(x, *rest, **kwargs)
        if self.recompute:
            h, s = self._recomputed(h, s, rest, kwargs)
        else:
            h, s = self._advance(h, s, rest, kwargs)
        return h if self.last else Pair(h, s, self.index + 1)

    def __getattr__(self, name: str) -> Any:
        # Loops read attributes off their blocks (is_linear, layer_type, …).
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "block":
                raise
            return getattr(self.block, name)

    def _entering_state(self) -> mx.array | None:
        entry = _entering.get()
        return entry[1] if entry is not None and entry[0] is self.wrapping else None

    def _advance(
        self, h: mx.array, s: mx.array, rest: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[mx.array, mx.array]:
        layer = self.shadow_layer.module
        h_out = self.block(layer.inject(h, s), *rest, **kwargs)
        if not isinstance(h_out, mx.array):
            raise UnsupportedArchitectureError(
                f"its blocks return a {type(h_out).__name__} instead of one hidden state"
            )
        # The last state never meets a block: its T and G are saved but not computed.
        return h_out, s if self.last else layer.advance(h_out, s)

    def _recomputed(
        self, h: mx.array, s: mx.array, rest: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[mx.array, mx.array]:
        # mx.checkpoint differentiates its arguments only: trained weights must be among them.
        layer = self.shadow_layer.module

        def run(weights: Any, h: mx.array, s: mx.array) -> tuple[mx.array, mx.array]:
            outer = layer.trainable_parameters()
            layer.update(weights)
            try:
                return self._advance(h, s, rest, kwargs)
            finally:
                layer.update(outer)

        h_out, s_out = mx.checkpoint(run)(layer.trainable_parameters(), h, s)
        return h_out, s_out


def wrap_blocks(decoder: Decoder, layers: Sequence[ShadowLayer]) -> object:
    """Replace every block of the decoder by a :class:`ShadowBlock`.

    Args:
        decoder: The backbone's decoder.
        layers: One shadow layer for all blocks, or one for each.

    Returns:
        The token that :func:`entering` takes.
    """
    wrapping = object()
    blocks = decoder.blocks
    chosen = list(layers) * len(blocks) if len(layers) == 1 else list(layers)
    wrapped = [
        ShadowBlock(block, layer, index, len(blocks), wrapping)
        for index, (block, layer) in enumerate(zip(blocks, chosen, strict=True))
    ]
    decoder.replace_blocks(wrapped)
    return wrapping


class _HandThrough(nn.Module):
    """Stands where the inner part was: returns its input, and lends the inner part's tables."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = Reference(inner)

    def __call__(self, hidden: mx.array, *args: Any, **kwargs: Any) -> mx.array:
        return hidden

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "inner":
                raise
            return getattr(self.inner.module, name)


def _shallow_copy(module: nn.Module) -> nn.Module:
    clone: nn.Module = dict.__new__(type(module))  # an nn.Module is a dict with attributes
    clone.__dict__.update(module.__dict__)
    dict.update(clone, module)
    return clone


def _descend(module: nn.Module, path: Sequence[str]) -> nn.Module:
    for name in path:
        module = module[name]
    return module


def _is_block_list(module: nn.Module, name: str) -> bool:
    value = module.get(name)
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(child, nn.Module) for child in value)
    )


def _embedding_name(module: nn.Module) -> str | None:
    return next((name for name in _EMBEDDINGS if isinstance(module.get(name), nn.Module)), None)


def _required_as_none(inner: nn.Module) -> dict[str, None]:
    """Arguments without a default beyond the inputs and the cache (StableLM's ``mask``)."""
    parameters = list(inspect.signature(inner.__call__).parameters.values())[1:]
    return {
        p.name: None
        for p in parameters
        if p.name != "cache"
        and p.default is inspect.Parameter.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
