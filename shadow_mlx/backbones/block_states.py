"""Hidden states behind chosen blocks of a decoder; the model itself is left as it is.

For one call a copy of the decoder, over the same weights, has other blocks in its loop: each hands
on what the block that it stands for returns, and notes it. The architecture does not matter, as
for shadows (:mod:`.wrapping`): masks, caches and norms around the blocks are the loop's own.

Shapes: token ids ``[B, T]``; hidden states ``[B, T, D]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.wrapping import Pair, PassThrough
from shadow_mlx.errors import UnsupportedArchitectureError


def states_behind(
    decoder: Decoder, inputs: mx.array, blocks: Sequence[int], cache: list[Any] | None = None
) -> tuple[mx.array, ...]:
    """The final hidden state, then the states behind chosen blocks, all ``[B, T, D]``.

    Each is read as the last one is, through the decoder's final norm: the state behind the last
    block is the final hidden state itself.

    Args:
        decoder: Whose blocks; they may carry a shadow that is entering.
        inputs: Token ids ``[B, T]``.
        blocks: Numbers of blocks, from 1; any may come several times.
        cache: As for :meth:`.Decoder.final_hidden`.

    Raises:
        UnsupportedArchitectureError: The loop hands more than one hidden state from block to block,
            or does not call every block once.
    """
    own = decoder.blocks
    if not set(blocks) - {len(own)}:
        final = decoder.final_hidden(inputs, cache)
        return (final, *(final for _ in blocks))
    seen: dict[int, mx.array] = {}
    watched = [_Watched(decoder, block, number, seen) for number, block in enumerate(own, 1)]
    final = decoder.with_blocks(watched).final_hidden(inputs, cache)
    if len(seen) != len(own):
        raise _refusal(decoder, "its loop does not call every block")
    read = {
        number: final if number == len(own) else _through_norm(decoder, inputs, seen[number])
        for number in set(blocks)
    }
    return (final, *(read[number] for number in blocks))


def _through_norm(decoder: Decoder, inputs: mx.array, state: mx.array) -> mx.array:
    """What the decoder makes of a state behind its blocks.

    None of the blocks computes here; the embeddings that the loop begins with are not needed for
    the result, and so are never computed.
    """
    first, *others = decoder.blocks
    stand_ins = [_Given(first, state), *map(PassThrough, others)]
    return decoder.with_blocks(stand_ins).final_hidden(inputs)


class _Given(PassThrough):
    """Stands for the first block: hands on a state, whatever came in."""

    def __init__(self, block: nn.Module, state: mx.array) -> None:
        super().__init__(block)
        self.handed_on = state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.handed_on


class _Watched:
    """Stands for a block, and notes the hidden state that it hands on."""

    def __init__(
        self, decoder: Decoder, block: nn.Module, number: int, seen: dict[int, mx.array]
    ) -> None:
        self.decoder, self.block, self.number, self.seen = decoder, block, number, seen

    @property  # type: ignore[misc]  # loops choose masks and caches by a block's type
    def __class__(self) -> type:
        return self.block.__class__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.block, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = self.block(*args, **kwargs)
        state = found.hidden if isinstance(found, Pair) else found
        if not isinstance(state, mx.array):
            reason = f"its blocks return a {type(state).__name__} instead of one hidden state"
            raise _refusal(self.decoder, reason)
        if self.number in self.seen:
            raise _refusal(self.decoder, "its loop goes through the blocks more than once")
        self.seen[self.number] = state
        return found


def _refusal(decoder: Decoder, reason: str) -> UnsupportedArchitectureError:
    return UnsupportedArchitectureError(
        f"the states behind single blocks of {decoder.name} cannot be taken: {reason}; the last "
        "hidden state can (--hidden-blocks last)"
    )
