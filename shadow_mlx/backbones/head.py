"""The backbone's own head, as a function of hidden states.

Soft-caps, scales, biases and tied tables differ by architecture, so the model's own code runs, on a
shallow copy in which the decoder hands the given hidden states through. No array is copied.

Shapes: hidden states ``[..., D]``; logits ``[..., V]``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder, descend, shallow_copy
from shadow_mlx.backbones.handing import number_along
from shadow_mlx.backbones.reference import Reference
from shadow_mlx.backbones.wrapping import PassThrough

# The hidden states of the call under way, in this thread; the model's code sees token ids only.
_handed: ContextVar[mx.array] = ContextVar("handed")


class HeadView(nn.Module):
    """Whatever a model does after its decoder loop. Call it with hidden states ``[..., D]``."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        replacement: nn.Module = _HandThrough(decoder)
        for depth in range(len(decoder.path), 0, -1):
            clone = shallow_copy(descend(decoder.model, decoder.path[: depth - 1]))
            clone[decoder.path[depth - 1]] = replacement
            replacement = clone
        self.view = replacement

    def __call__(self, hidden: mx.array) -> mx.array:
        """Logits ``[..., V]``."""
        rows = hidden.reshape(1, -1, hidden.shape[-1])
        token = _handed.set(rows)
        try:
            logits: mx.array = self.view(mx.zeros(rows.shape[:2], dtype=mx.int32))
        finally:
            _handed.reset(token)
        return logits.reshape(*hidden.shape[:-1], -1)


def _scored_by(table: nn.Module) -> Callable[[mx.array], mx.array]:
    """The table as a head of the handed states, whatever it is given."""
    reference = Reference(table)

    def logits(_: mx.array) -> mx.array:
        found: mx.array = reference.module.as_linear(_handed.get())
        return found

    return logits


class _HandThrough(nn.Module):
    """Stands where the decoder was: returns the handed states, and lends the decoder's tables.

    Where the decoder itself makes logits of its table, what it does behind that is its own code
    too: it runs with blocks that hand through, and what comes before the table is never computed.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.inner = Reference(decoder.inner)
        if decoder.own_head is not None:
            self.own_head = decoder.inner[decoder.own_head]
        elif decoder.tied_head:
            along = number_along(decoder)
            idle = decoder.with_blocks([PassThrough(block, along) for block in decoder.blocks])
            self.ending = Reference(idle.with_head(_scored_by(decoder.embedding)).inner)

    def __call__(self, *args: Any, **kwargs: Any) -> mx.array:
        if hasattr(self, "ending"):
            logits: mx.array = self.ending.module(*args, **kwargs)
            return logits
        hidden = _handed.get()
        return self.own_head(hidden) if "own_head" in self else hidden

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "inner":
                raise
            return getattr(self.inner.module, name)
