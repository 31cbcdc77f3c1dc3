"""Encoded examples in two flat arrays: 4 bytes and 1 bit a token, whatever the lengths."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from shadow_mlx.data.reading.notices import (
    ANSWERS_CUT,
    CUT,
    NOTHING_TRAINED,
    SPLIT,
    TOO_LONG,
    Notices,
    sentences,
)

Tokens = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Example:
    """``tokens`` int32[n]; ``supervised`` bool[n]: token t is predicted from t−1 and trained.

    ``supervised[0]`` is always False: nothing comes before it. ``truncated`` tells that the end
    was cut off.
    """

    tokens: Tokens
    supervised: Mask
    truncated: bool = False

    @property
    def answers(self) -> int:
        """Stretches of trained tokens."""
        return int(np.count_nonzero(np.diff(self.supervised.astype(np.int8), prepend=0) == 1))


@dataclass
class EncodingCounts:
    """What became of the records. All numbers are examples unless they say otherwise."""

    records: int = 0
    examples: int = 0
    truncated: int = 0
    dropped_too_long: int = 0
    dropped_unsupervised: int = 0
    split_records: int = 0
    answers_cut: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    notices: Notices = field(default_factory=Counter)

    @property
    def dropped(self) -> int:
        """Examples that are not trained on at all."""
        return self.dropped_too_long + self.dropped_unsupervised

    def notes(self) -> list[str]:
        """What a person should know before the first step, one sentence each."""
        counted = (
            (CUT, self.truncated),
            (TOO_LONG, self.dropped_too_long),
            (NOTHING_TRAINED, self.dropped_unsupervised),
            (ANSWERS_CUT, self.answers_cut),
            (SPLIT, self.split_records),
        )
        notes = [notice.counted(count) for notice, count in counted if count]
        notes += sentences(self.notices)
        return notes


class EncodedDataset:
    """All examples of a split.

    Attributes:
        lengths: int64[n], tokens of each example.
        supervised_lengths: int64[n], trained tokens of each example.
        record_of: int64[n], the record that each example comes from.
        counts: What was truncated, dropped, split.
    """

    def __init__(
        self, examples: Iterable[tuple[int, Example]], counts: EncodingCounts | None = None
    ) -> None:
        tokens, mask, truncated = array("i"), bytearray(), bytearray()
        records, lengths, supervised = array("q"), array("q"), array("q")
        for record, example in examples:  # one by one: they are never all in memory as objects
            tokens.frombytes(example.tokens.astype(np.int32, copy=False).tobytes())
            mask += example.supervised.astype(np.bool_, copy=False).tobytes()
            records.append(record)
            lengths.append(len(example.tokens))
            supervised.append(int(example.supervised.sum()))
            truncated.append(example.truncated)
        self.record_of = np.array(records, np.int64)
        self.lengths = np.array(lengths, np.int64)
        self.supervised_lengths = np.array(supervised, np.int64)
        self.counts = counts or EncodingCounts(records=len(lengths), examples=len(lengths))
        self._offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        self._tokens = np.frombuffer(tokens, np.int32)
        self._mask = np.packbits(np.frombuffer(mask, np.bool_))
        self._truncated = np.frombuffer(truncated, np.bool_)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, i: int) -> Example:
        if not 0 <= i < len(self):
            raise IndexError(i)
        start, end = int(self._offsets[i]), int(self._offsets[i + 1])
        first = start // 8
        bits = np.unpackbits(self._mask[first : -(-end // 8)])[start - 8 * first :]
        mask = bits[: end - start].astype(np.bool_)
        return Example(self._tokens[start:end], mask, bool(self._truncated[i]))

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    @cached_property
    def answer_tokens(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The tokens that are trained, the most frequent first, and how often each is there."""
        trained = np.unpackbits(self._mask, count=len(self._tokens)).astype(np.bool_)
        tokens, counts = np.unique(self._tokens[trained], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return tuple(tokens[order].tolist()), tuple(counts[order].tolist())

    @property
    def fingerprint(self) -> str:
        """Tells data sets apart: equal for equal tokens, masks and order."""
        digest = hashlib.sha256()
        for part in (self.lengths, self._tokens, self._mask):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def histogram(lengths: npt.NDArray[np.int64], bins: int = 12) -> list[tuple[int, int, int]]:
    """Token lengths in round, equal steps: ``(from, to, examples)``, both ends included."""
    if not len(lengths):
        return []
    low, high = int(lengths.min()), int(lengths.max())
    step = _round_step(max(1, -(-(high - low + 1) // bins)))
    start = low // step * step
    counts = np.bincount((lengths - start) // step)
    return [(start + i * step, start + (i + 1) * step - 1, int(n)) for i, n in enumerate(counts)]


def _round_step(least: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 … that is at least ``least``."""
    scale = 1
    while True:
        for factor in (1, 2, 5):
            if factor * scale >= least:
                return factor * scale
        scale *= 10
