"""Hidden states behind chosen blocks of a decoder; the model itself is left as it is.

For one call a copy of the decoder, over the same weights, has other blocks in its loop: each hands
on what the block that it stands for returns, and notes it. The architecture does not matter, as
for shadows (:mod:`.wrapping`): masks, caches and norms around the blocks are the loop's own.

Shapes: token ids ``[B, T]``; hidden states ``[B, T, D]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.handing import StandIn, apart
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
    seen: dict[int, _Seen] = {}
    watched = [_Watched(decoder, block, number, seen) for number, block in enumerate(own, 1)]
    final = decoder.with_blocks(watched).final_hidden(inputs, cache)
    if len(seen) != len(own):
        raise _refusal(decoder, "its loop does not call every block")
    read = {
        number: final if number == len(own) else _through_norm(decoder, inputs, seen[number])
        for number in set(blocks)
    }
    return (final, *(read[number] for number in blocks))


@dataclass(frozen=True)
class _Seen:
    """What a block handed on: its state, and how many values rode along."""

    state: mx.array
    along: int


def _through_norm(decoder: Decoder, inputs: mx.array, seen: _Seen) -> mx.array:
    """What the decoder makes of a state behind its blocks.

    None of the blocks computes here; the embeddings that the loop begins with are not needed for
    the result, and so are never computed.
    """
    first, *others = decoder.blocks
    stand_ins = [_Given(first, seen), *(PassThrough(block, seen.along) for block in others)]
    return decoder.with_blocks(stand_ins).final_hidden(inputs)


class _Given(PassThrough):
    """Stands for the first block: hands on a state, whatever came in."""

    def __init__(self, block: nn.Module, seen: _Seen) -> None:
        super().__init__(block, seen.along)
        self.handed_on = seen.state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(self.handed_on)


class _Watched(StandIn):
    """Stands for a block, and notes the state that it hands on."""

    def __init__(
        self, decoder: Decoder, block: nn.Module, number: int, seen: dict[int, _Seen]
    ) -> None:
        super().__init__(block)
        self.decoder, self.number, self.seen = decoder, number, seen

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = self.block(*args, **kwargs)
        handed, along = apart(found)
        state = handed.state if isinstance(handed, Pair) else handed
        if not isinstance(state, mx.array):
            reason = f"its blocks return a {type(state).__name__} instead of one hidden state"
            raise _refusal(self.decoder, reason)
        if self.number in self.seen:
            raise _refusal(self.decoder, "its loop goes through the blocks more than once")
        self.seen[self.number] = _Seen(state, len(along))
        return found


def _refusal(decoder: Decoder, reason: str) -> UnsupportedArchitectureError:
    return UnsupportedArchitectureError(
        f"the states behind single blocks of {decoder.name} cannot be taken: {reason}; the last "
        "hidden state can (--hidden-blocks last)"
    )
