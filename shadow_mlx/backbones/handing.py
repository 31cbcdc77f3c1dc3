"""What decoder blocks hand to one another: one rule for all of mlx-lm's architectures.

A block takes the hidden state first, and returns it or a tuple that begins with it. What follows in
the tuple *rides along*: keys and values that later blocks share (Gemma 4, Hunyuan), what the first
block made of its values (RWKV 7). A shadow has no part in it: the loop gets it as the block made
it, and hands it to whichever blocks it likes.

The hidden state is ``[B, T, D]``, or one of several streams of that shape, ``[N, B, T, D]``
(AltUp, in Gemma 3n). Then it is the stream that the block itself calls active: it alone goes
through attention and MLP, and it is the one that begins as the token's embedding. The others are
predicted from it and corrected by what became of it, so that an injection reaches them too, by the
block's own rule; a shadow leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map

from shadow_mlx.backbones.decoder import Decoder, Passed
from shadow_mlx.errors import UnsupportedArchitectureError


def hidden_and_rest(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Sequence[Any]]:
    """The state that a block is called with, taken out of ``kwargs`` if it is named there.

    It is the first argument everywhere, by name in GPT-J only.
    """
    return (args[0], args[1:]) if args else (kwargs.pop(next(iter(kwargs))), ())


def apart(returned: Any) -> tuple[Any, tuple[Any, ...]]:
    """What a block returns: the state, and what rides along.

    Raises:
        UnsupportedArchitectureError: What rides along is not made of arrays.
    """
    state, along = (returned[0], returned[1:]) if isinstance(returned, tuple) else (returned, ())
    for _, leaf in tree_flatten(along):
        if not (leaf is None or isinstance(leaf, mx.array | int | float)):
            raise UnsupportedArchitectureError(
                f"its blocks hand on a {type(leaf).__name__} beside the hidden state, not arrays"
            )
    return state, along


def together(state: Any, along: tuple[Any, ...]) -> Any:
    """What the loop expects of a block: the inverse of :func:`apart`."""
    return (state, *along) if along else state


def active_stream(block: nn.Module) -> int | None:
    """Which stream of its state a block computes with; ``None`` where the state is only one."""
    number = getattr(getattr(block, "config", None), "altup_active_idx", None)
    return number if isinstance(number, int) else None


def hidden_of(state: mx.array, stream: int | None) -> mx.array:
    """The hidden state ``[B, T, D]`` inside of a state."""
    return state if stream is None else state[stream]


def with_hidden(state: mx.array, stream: int | None, hidden: mx.array) -> mx.array:
    """The state with another hidden state in it."""
    if stream is None:
        return hidden
    return mx.concatenate([state[:stream], hidden[None], state[stream + 1 :]])


def real_arrays(value: Any) -> list[mx.array]:
    """The arrays in a tree that a gradient may go through."""
    return [leaf for _, leaf in tree_flatten(value) if _is_real(leaf)]


def with_arrays(value: Any, arrays: Sequence[mx.array]) -> Any:
    """The tree with others in the place of its :func:`real_arrays`."""
    given = iter(arrays)
    return tree_map(lambda leaf: next(given) if _is_real(leaf) else leaf, value)


def _is_real(leaf: Any) -> bool:
    return isinstance(leaf, mx.array) and mx.issubdtype(leaf.dtype, mx.floating)


class Others:
    """A block's arguments beside the state, as something that a gradient can be asked of."""

    def __init__(self, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.rest, self.kwargs = tuple(rest), dict(kwargs)
        every = (*self.rest, *self.kwargs.values())
        self._passed = [one for one in every if isinstance(one, Passed)]

    def arrays(self) -> list[mx.array]:
        """All arrays that a gradient may go through; those of earlier blocks' caches too."""
        return real_arrays((self.rest, self.kwargs)) + self.passed()

    def passed(self) -> list[mx.array]:
        """What the caches of this pass hold."""
        return [array for one in self._passed for array in one.held]

    def holding(self, arrays: Sequence[mx.array]) -> Others:
        """The same with other arrays, and with caches of its own."""
        given = iter(arrays)
        count = len(real_arrays((self.rest, self.kwargs)))
        rest, kwargs = with_arrays((self.rest, self.kwargs), list(islice(given, count)))
        caches = {id(one): Passed(tuple(islice(given, len(one.held)))) for one in self._passed}

        def own(leaf: Any) -> Any:
            return caches.get(id(leaf), leaf)

        return Others(tree_map(own, rest), tree_map(own, kwargs))

    def pass_on(self, arrays: Sequence[mx.array]) -> None:
        """Have later blocks read these in the caches."""
        given = iter(arrays)
        for one in self._passed:
            one.held = tuple(islice(given, 2))


class StandIn:
    """Stands for a block in the loop, and is of its type: loops choose masks and caches by that."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block

    @property  # type: ignore[misc]  # it lies on purpose, read-only
    def __class__(self) -> type:
        return self.block.__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)


def number_along(decoder: Decoder) -> int:
    """How many values ride along behind each block; the first block is traced, never evaluated."""
    first, *others = decoder.blocks
    try:
        decoder.with_blocks([_First(first), *others]).final_hidden(mx.zeros((1, 2), dtype=mx.int32))
    except _ReturnedError as found:
        return len(apart(found.value)[1])
    raise UnsupportedArchitectureError("its loop does not call every decoder block")


class _ReturnedError(Exception):
    """Brings what the first block returned out of the loop."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _First(StandIn):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise _ReturnedError(self.block(*args, **kwargs))
