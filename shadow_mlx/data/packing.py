"""Batches whose examples lie behind each other in few rows, so that hardly anything is padded.

A batch has the examples that are drawn together, ``batch_size`` of them as without packing, and the
step that trains on it computes the same. What packing gives is freedom in the drawing: without it
the examples of a batch have to be about as long as each other, or most of a batch is padding. Here
each batch has long and short ones alike: the examples are cut by length into as many strata as a
batch has examples, and a batch draws one from each. So batches are about equally large, too.

B examples of a global batch · R rows of it · T inputs of a row
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from shadow_mlx.data.batches import BatchPlan, Rows
from shadow_mlx.data.buckets import GRANULE, MAX_BUCKETS, Lengths, bucket_edges

ATTENTION_TOKENS = 2048
"""Length of a row at which attention is taken to be as much work as all else of a block: its work
grows with the row, whatever its mask leaves out. So of a small model; of a large one it is more."""

SAMPLED_BATCHES, SAMPLED_EPOCHS = 1024, 32
"""How many batches, of how many epochs at most, the few widths of rows are chosen for."""


class PackedPlan(BatchPlan):
    """:class:`BatchPlan` with several examples in a row.

    The number of a batch's rows is one of a ladder (1, 2, 3, 4, 6, 8, 12, … for each rank): the one
    that is the least work, which is never more than a row for each example. Distinct shapes are at
    most ``max_buckets`` and two more for each rung.

    Attributes:
        alike: Tokens up to which positions of a row mean the same to the model; longer rows hold
            one example.
    """

    shared_rows = True
    alike: int | None = None

    def epoch(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        """See :meth:`BatchPlan.epoch`; where examples are not shuffled they stay in order."""
        count, batches = len(self.dataset), self.batches_per_epoch
        if not self.shuffle:
            return np.split(np.arange(count), range(self.batch_size, count, self.batch_size))
        order = self.drawn(epoch, 0, count)
        order = order[np.argsort(-self.widths[order], kind="stable")]
        dealt: list[list[int]] = [[] for _ in range(batches)]
        for stratum, begin in enumerate(range(0, count, batches)):
            members = order[begin : begin + batches]
            places = self.drawn(epoch, 1 + stratum, batches)[: len(members)]
            for place, example in zip(places, members, strict=True):
                dealt[place].append(int(example))
        return [np.array(examples, np.int64) for examples in dealt]

    def width(self, batch: npt.NDArray[np.int64]) -> int:
        """T of a global batch."""
        return self.rows(batch)[1]

    def rows(self, examples: npt.NDArray[np.int64]) -> tuple[Rows, int]:
        """See :meth:`BatchPlan.rows`."""
        rows, load = self._laid_out(examples)
        edges = self._widths_of_rows[len(rows)]
        return rows, int(edges[np.searchsorted(edges, load)])

    def _laid_out(self, examples: npt.NDArray[np.int64]) -> tuple[Rows, int]:
        """The rows that are the least work, and the tokens of the fullest one."""
        widths = self.widths[examples]
        tried = []
        for count in self._ladder:
            places = shared_out(widths, count)
            loads = [int(widths[place].sum()) for place in places]
            if self._may_share(places, loads):
                tried.append((count * work(max(loads)), places, max(loads)))
        _, places, load = min(tried, key=lambda one: one[0])
        return [examples[place] for place in places], load

    def _may_share(self, places: Rows, loads: Sequence[int]) -> bool:
        """Whether the rows that hold several examples are short enough for the model."""
        most = self.alike
        return most is None or all(
            load <= most or len(place) == 1 for place, load in zip(places, loads, strict=True)
        )

    @cached_property
    def _ladder(self) -> list[int]:
        most = self.batch_size // self.world
        counts = {most, *(base << k for base in (2, 3) for k in range(most.bit_length())), 1}
        return [self.world * count for count in sorted(counts) if count <= most]

    @cached_property
    def _widths_of_rows(self) -> dict[int, Lengths]:
        """The widths that rows may have, by their number; the last one is enough for any."""
        loads: dict[int, list[int]] = {count: [] for count in self._ladder}
        seen = 0
        for epoch in range(SAMPLED_EPOCHS):
            for batch in self.epoch(epoch)[: SAMPLED_BATCHES - seen]:
                rows, load = self._laid_out(batch)
                loads[len(rows)].append(load)
                seen += 1
            if seen >= SAMPLED_BATCHES or not self.shuffle:
                break
        most = self.batch_size * work(int(self.widths.max()))
        found = {}
        for count, those in loads.items():
            share = round(MAX_BUCKETS * len(those) / seen)
            edges = bucket_edges(np.array(those, np.int64), max(share, 1))
            found[count] = np.unique(np.append(edges, longest_row(most / count)))
        return found


def work(tokens: int) -> float:
    """Of a row, in tokens of rows whose attention costs nothing."""
    width = -(-tokens // GRANULE) * GRANULE
    return width * (1 + width / ATTENTION_TOKENS)


def longest_row(most: float) -> int:
    """The width, a multiple of the granule, that any row of at most so much work has room in."""
    half = ATTENTION_TOKENS / 2
    return -(-math.ceil(math.sqrt(half**2 + most * 2 * half) - half) // GRANULE) * GRANULE


def shared_out(widths: Lengths, count: int) -> Rows:
    """Examples shared out over rows about evenly: the longest first, each to the emptiest row.

    Args:
        widths: Tokens of each example.
        count: Rows.

    Returns:
        The indices of each row's examples, in order; a row may have none.
    """
    rows: list[list[int]] = [[] for _ in range(count)]
    loads = [(0, row) for row in range(count)]
    for i in np.argsort(-widths, kind="stable"):
        load, row = heapq.heappop(loads)
        rows[row].append(int(i))
        heapq.heappush(loads, (load + int(widths[i]), row))
    return [np.array(sorted(row), np.int64) for row in rows]
