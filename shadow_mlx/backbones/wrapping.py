"""Wraps decoder blocks so that ``(h, s)`` rides the decoder loop as one value.

Almost every mlx-lm architecture loops ``h = block(h, mask, cache)`` over a list of blocks. Each
block is replaced by a :class:`ShadowBlock`; the pair enters at the first one and leaves at the
last one, so the code around the loop (masks, caches, final norm, head) stays mlx-lm's own.

What a block returns beside its hidden state rides along untouched, and where the state is several
streams the pair meets one of them (:mod:`.handing`).

Shapes: ``h`` and ``s`` are ``[B, T, D]``; the state around ``h`` may be ``[N, B, T, D]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.gating import recomputed_gates
from shadow_mlx.backbones.handing import (
    Others,
    StandIn,
    active_stream,
    apart,
    hidden_and_rest,
    hidden_of,
    real_arrays,
    together,
    with_arrays,
    with_hidden,
)
from shadow_mlx.backbones.recomputing import recomputed
from shadow_mlx.backbones.reference import Reference
from shadow_mlx.errors import UnsupportedArchitectureError


class Companion(Protocol):
    """What rides beside a block: see :class:`shadow_mlx.shadow.modules.ShadowLayer`."""

    def inject(self, h: mx.array, s: mx.array, key: mx.array | None = None) -> mx.array:
        """The block's input from the hidden state and the shadow state."""

    def advance(self, h_out: mx.array, s: mx.array) -> mx.array:
        """The next shadow state from the block's output."""

    def dropout_key(self) -> mx.array | None:
        """What makes a second computation of one injection drop the same elements."""

    @property
    def training(self) -> bool:
        """Whether gradients will be asked for."""

    @property
    def parts(self) -> Sequence[nn.Module]:
        """The modules whose weights it computes with: one that is shared is in many companions.

        Empty where nothing of it may be computed a second time for its gradient.
        """


@dataclass(frozen=True)
class Pair:
    """``(h, s)`` between two blocks.

    ``state`` is what the loop takes for the hidden state: it, or the streams with it among them.
    ``wrapping`` is whose state it is: a backbone may carry several shadows, one at a time.
    ``depth`` is the number of blocks it has been through.
    """

    state: mx.array
    shadow: mx.array
    wrapping: object
    depth: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the state; some loops look at it."""
        return self.state.shape

    @property
    def dtype(self) -> mx.Dtype:
        """Dtype of the state; some loops look at it."""
        return self.state.dtype


@dataclass
class _Entry:
    """``s⁰`` on its way into the first block, for one call of one thread."""

    wrapping: object
    state: mx.array
    begun: bool = False
    done: bool = False


# Set only within one call of one thread (a context variable), so that nothing survives a call or
# an exception, and two threads do not meet.
_entering: ContextVar[_Entry | None] = ContextVar("entering", default=None)


@contextmanager
def entering(wrapping: object, initial_state: mx.array) -> Iterator[None]:
    """Hand ``s⁰`` to the first block of ``wrapping`` for the one pass made inside.

    Raises:
        UnsupportedArchitectureError: The loop did not take it through every block, once.
    """
    entry = _Entry(wrapping, initial_state)
    token = _entering.set(entry)
    try:
        yield
    finally:
        _entering.reset(token)
    if not entry.done:
        raise UnsupportedArchitectureError("its loop does not call every decoder block")


class ShadowBlock(StandIn, nn.Module):
    """A frozen decoder block with the shadow's injection before it and the update after it.

    Called with a plain array while no shadow is entering, it is exactly the block that it wraps:
    the wrapped backbone called alone is the base model.
    """

    # No zero-argument super() in this class: it would clash with a stand-in's __class__.

    def __init__(
        self, block: nn.Module, layer: Companion, index: int, count: int, wrapping: object
    ) -> None:
        nn.Module.__init__(self)
        self.block = block
        self.shadow_layer = Reference(layer)
        self.index = index
        self.last = index == count - 1
        self.stream = active_stream(block)
        self.wrapping = wrapping
        self.recompute = False  # gradient checkpointing: keep (h, s) only, recompute the rest
        self.checkpoint = recomputed  # how; a recording puts another function here

    def __getattr__(self, name: str) -> Any:
        # Loops choose masks and caches by a block's type (OLMo Hybrid), or by attributes of it
        # (is_linear, layer_type, …).
        try:
            return nn.Module.__getattr__(self, name)
        except AttributeError:
            if name == "block":
                raise
            return getattr(self.block, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The block's own arguments, the hidden state first; a :class:`Pair` in, a pair out."""
        x, rest = hidden_and_rest(args, kwargs)
        entry = _entering.get()
        carrier = x if isinstance(x, Pair) else entry
        if entry is None or carrier is None or carrier.wrapping is not self.wrapping:
            return self.block(x, *rest, **kwargs)
        if not isinstance(x, Pair):
            state, s = x, self._take(entry, x)
        elif x.depth == self.index:
            state, s = x.state, x.shadow
        else:
            raise UnsupportedArchitectureError("its loop skips or repeats decoder blocks")
        recompute = self.recompute and self.shadow_layer.module.training
        advance = self._recomputed if recompute else self._advance
        state, s, along = advance(state, s, rest, kwargs)
        if not self.last:
            return together(Pair(state, s, self.wrapping, self.index + 1), along)
        entry.done = True
        return together(state, along)

    def _take(self, entry: _Entry, x: Any) -> mx.array:
        """``s⁰``, which only the first block gets, once, beside a hidden state of its shape."""
        if self.index:
            reason = "its blocks do not take the previous block's output as their first argument"
        elif entry.begun:
            reason = "its loop goes through the decoder blocks more than once"
        elif not isinstance(x, mx.array) or hidden_of(x, self.stream).shape != entry.state.shape:
            found = f"shape {x.shape}" if isinstance(x, mx.array) else f"type {type(x).__name__}"
            reason = f"its blocks take a hidden state of {found}, not [B, T, D]"
        else:
            entry.begun = True
            return entry.state
        raise UnsupportedArchitectureError(reason)

    def _advance(
        self,
        state: mx.array,
        s: mx.array,
        rest: Sequence[Any],
        kwargs: dict[str, Any],
        key: mx.array | None = None,
    ) -> tuple[mx.array, mx.array, tuple[Any, ...]]:
        """The state and the shadow state behind the block, and what rides along."""
        layer = self.shadow_layer.module
        inject, advance = layer.inject, layer.advance
        if layer.training and layer.parts and not self.recompute:
            # Between two blocks only (h, s) is kept: the layer's own insides are several arrays as
            # large, and cost next to nothing to compute again.
            key = layer.dropout_key()
            inject, advance = self._again(partial(inject, key=key)), self._again(advance)
        else:
            inject = partial(inject, key=key)
        lean = layer.training and not self.recompute
        h = inject(hidden_of(state, self.stream), s)
        with recomputed_gates(self.block, self.checkpoint) if lean else nullcontext():
            returned = self.block(with_hidden(state, self.stream, h), *rest, **kwargs)
        state, along = apart(returned)
        if not isinstance(state, mx.array):
            raise UnsupportedArchitectureError(
                f"its blocks return a {type(state).__name__} instead of one hidden state"
            )
        # The last state never meets a block: its T and G are saved but not computed.
        return state, s if self.last else advance(hidden_of(state, self.stream), s), along

    def _recomputed(
        self, state: mx.array, s: mx.array, rest: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[mx.array, mx.array, tuple[Any, ...]]:
        """:meth:`_advance`, computed again for its gradient.

        What rode along to here depends on earlier injections, and gradients go only through what
        is an argument of the computation and what it returns.
        """
        key = self.shadow_layer.module.dropout_key()  # drawn once, for both computations
        others = Others(rest, kwargs)
        made: list[tuple[Any, ...]] = []

        def run(state: mx.array, s: mx.array, *arrays: mx.array) -> tuple[mx.array, ...]:
            again = others.holding(arrays)
            state, s, along = self._advance(state, s, again.rest, again.kwargs, key)
            if not made:  # what the second computation makes is for its gradient alone
                made.append(along)
            return state, s, *real_arrays(along), *again.passed()

        state, s, *arrays = self._again(run)(state, s, *others.arrays())
        count = len(real_arrays(made[0]))
        others.pass_on(arrays[count:])
        return state, s, with_arrays(made[0], arrays[:count])

    def _again(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` of arrays, computed again for its gradient instead of kept.

        A checkpoint differentiates its arguments only: trained weights must be among them.
        """
        layer = self.shadow_layer.module

        def run(weights: Any, *arrays: mx.array) -> Any:
            outer = _weights_of(layer)
            _put(layer, weights)
            try:
                return function(*arrays)
            finally:
                _put(layer, outer)

        return lambda *arrays: self.checkpoint(run)(_weights_of(layer), *arrays)


def _weights_of(layer: Companion) -> list[Any]:
    return [part.trainable_parameters() for part in layer.parts]


def _put(layer: Companion, weights: Sequence[Any]) -> None:
    for part, tree in zip(layer.parts, weights, strict=True):
        part.update(tree)


class PassThrough(nn.Module):
    """Stands for a block that does not compute: returns its input, and lends the block's kind.

    The block that it stands for is in no module tree and its arrays are never evaluated. No block
    behind it computes, so that nothing rides along: for each such value the loop gets ``None``.

    Args:
        block: The block.
        along: How many values ride along behind it.
    """

    def __init__(self, block: nn.Module, along: int = 0) -> None:
        super().__init__()
        self.block = Reference(block)
        self.along = along

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The state, unchanged."""
        return together(hidden_and_rest(args, kwargs)[0], (None,) * self.along)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "block":
                raise
            return getattr(self.block.module, name)


def wrap_blocks(decoder: Decoder, layers: Sequence[Companion]) -> object:
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


def unwrapped(block: nn.Module) -> nn.Module:
    """The backbone's own block, whichever shadows it carries."""
    while type(block) is ShadowBlock:
        block = block.block
    return block


def check_loop(decoder: Decoder, probe: Companion, width: int, dtype: mx.Dtype) -> None:
    """Trace (never evaluate) two tokens with wrapped blocks, so that a refusal comes first.

    The decoder is left as it was; ``probe`` is any companion of this ``width``.

    Raises:
        UnsupportedArchitectureError: The loop does not hand the pair from block to block.
    """
    blocks = decoder.blocks
    listed = getattr(decoder.model, "layers", None)
    try:
        if isinstance(listed, list) and len(listed) != len(blocks):
            raise UnsupportedArchitectureError("it keeps its decoder blocks in several lists")
        wrapping = wrap_blocks(decoder, [probe])
        with entering(wrapping, mx.zeros((1, 2, width), dtype=dtype)):
            hidden = decoder.final_hidden(mx.zeros((1, 2), dtype=mx.int32))
        if hidden.shape != (1, 2, width):
            raise UnsupportedArchitectureError("its decoder does not return the final hidden state")
    except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
        raise UnsupportedArchitectureError(
            f"{decoder.name} cannot carry a shadow: its decoder loop does more with the hidden "
            f"state than hand it from block to block ({error})"
        ) from error
    except UnsupportedArchitectureError as error:
        raise UnsupportedArchitectureError(
            f"{decoder.name} cannot carry a shadow: {error}"
        ) from error
    finally:
        decoder.replace_blocks(blocks)
