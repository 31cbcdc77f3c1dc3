"""Where two texts differ, word by word. Nothing here needs MLX."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LARGEST = 100_000
"""Words of one text times words of the other up to which they are aligned; longer texts that
differ count as different from the first difference to the last."""

Kind = Literal["same", "added", "missing"]


@dataclass(frozen=True)
class Piece:
    """A run of text that both have, that only the other text has, or only the reference."""

    kind: Kind
    text: str


def differences(reference: str, other: str) -> list[Piece]:
    """``other`` in pieces against ``reference``; what is missing stands where it would be.

    The ``same`` and ``added`` pieces joined are ``other``, the ``same`` and ``missing`` ones
    ``reference``.
    """
    before, after = _words(reference), _words(other)
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return [
        *_piece("same", after[:start]),
        *_aligned(old, new),
        *_piece("same", after[len(after) - end :]),
    ]


def _aligned(old: Sequence[str], new: Sequence[str]) -> list[Piece]:
    if not old or not new or len(old) * len(new) > LARGEST:
        return [*_piece("missing", old), *_piece("added", new)]
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, i, j, start, stop in matcher.get_opcodes():
        if kind == "equal":
            pieces += _piece("same", new[start:stop])
        else:
            pieces += [*_piece("missing", old[i:j]), *_piece("added", new[start:stop])]
    return pieces


def _piece(kind: Kind, words: Sequence[str]) -> list[Piece]:
    return [Piece(kind, "".join(words))] if words else []


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words both begin with."""
    shorter = min(len(first), len(second))
    return next((i for i in range(shorter) if first[i] != second[i]), shorter)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)
