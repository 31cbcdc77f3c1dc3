"""The head for drafts: the rows of those tokens that the conversation uses.

A large vocabulary's head reads more bytes than a shadow of one layer does. What is drafted is
nearly always a token that was read or written before, or that the answers of the training data use
(these are kept beside the adapter), and the whole head judges it afterwards: a token that is
missing here is a draft less, never another text.

Shapes: states ``[1, 1, D]``, tokens ``[1, 1]``.
"""

from __future__ import annotations

from collections.abc import Iterable

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder, descend
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.draft_tokens import MOST

SHARE = 4
"""The vocabulary is so many times as large, or the whole head is taken."""

ENOUGH = 0.85
"""Of the tokens that were written of late, the share that had a row: below it, the whole head."""

KEPT = 0.95
"""Of that count, from one token to the next."""

KNOWN_SHARE = 0.5
"""Of the rows that there may be, those for what the training data use: the rest is for the words of
the conversation, which answers copy."""

TRUST = 20.0
"""So many tokens count as written with rows of theirs, where the training data's answers are known:
as many as are remembered."""

WAITING, WAITING_SHARE = 8, 8
"""New tokens for which the rows are gathered anew within an answer: so many, or such a part of all
of them, which are copied then."""


class DraftHead:
    """Chooses drafts by few rows of the head, as long as these are the right ones.

    Args:
        model: Whose head it is.
    """

    def __init__(self, model: AttachedModel) -> None:
        self.model = model
        self._table = _table(model.decoder)
        self._known = set(model.draft_tokens.ids[: int(KNOWN_SHARE * self._room)])
        self._gathered: set[int] = set()
        self._ids = self._rows = mx.zeros((0,))
        self._hits, self._written = (TRUST, TRUST) if self._known else (0.0, 1.0)

    @property
    def small(self) -> bool:
        """Whether drafts are chosen by a part of the head now."""
        return bool(self._gathered) and self._hits > ENOUGH * self._written

    def read(self, tokens: Iterable[int]) -> None:
        """Tokens of a prompt: they have rows from now on."""
        self._know(tokens)
        self._gather()

    def wrote(self, token: int) -> None:
        """A token of an answer."""
        self._hits = KEPT * self._hits + (token in self._gathered)
        self._written = KEPT * self._written + 1
        self._know([token])
        new = len(self._known) - len(self._gathered)
        if new >= max(WAITING, len(self._known) // WAITING_SHARE):
            self._gather()

    def likeliest(self, state: mx.array) -> mx.array:
        """The token that seems likeliest behind a state of the shadow."""
        if not self.small:
            return mx.argmax(self.model.head(state), axis=-1)
        return self._ids[mx.argmax(state @ self._rows, axis=-1)]

    @property
    def _room(self) -> int:
        """Rows that there may be; with more of them the whole head is taken."""
        return 0 if self._table is None else min(MOST, self._table.weight.shape[0] // SHARE)

    def _know(self, tokens: Iterable[int]) -> None:
        if len(self._known) < MOST:
            self._known.update(tokens)

    def _gather(self) -> None:
        table = self._table
        if table is None or len(self._known) > self._room:
            self._gathered = set()
        elif self._known != self._gathered:
            self._gathered = set(self._known)
            self._ids = mx.array(sorted(self._gathered))
            dtype = self.model.shadow.backbone.state_dtype
            self._rows = mx.contiguous(_rows(table, self._ids).astype(dtype).T)[None]
            mx.eval(self._ids, self._rows)


def _table(decoder: Decoder) -> nn.Module | None:
    """The module whose rows score tokens: a head beside the decoder or in it, or its embedding."""
    for depth in range(len(decoder.path) + 1):
        owner = descend(decoder.model, decoder.path[:depth])
        name = decoder.own_head if owner is decoder.inner else "lm_head"
        found = owner.get(name) if name else None
        if found is not None:
            return found if isinstance(found, _PLAIN | _QUANTIZED) else None
    table = decoder.embedding
    return table if isinstance(table, _PLAIN | _QUANTIZED) else None


_PLAIN = nn.Linear | nn.Embedding
_QUANTIZED = nn.QuantizedLinear | nn.QuantizedEmbedding


def _rows(table: nn.Module, ids: mx.array) -> mx.array:
    """Rows ``[n, D]`` of a head, dequantized. A bias is left out: these are drafts."""
    if isinstance(table, _PLAIN):
        return table.weight[ids]
    biases = table.get("biases")
    rows: mx.array = mx.dequantize(
        table.weight[ids],
        table.scales[ids],
        None if biases is None else biases[ids],
        group_size=table.group_size,
        bits=table.bits,
        mode=table.mode,
    )
    return rows
