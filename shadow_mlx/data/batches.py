"""Batches of few distinct shapes, each example exactly once an epoch, resumable anywhere.

B rows in a global batch · T inputs of a row (tokens − 1, rounded up to a bucket's edge)

An epoch's order depends on (seed, epoch) alone. Examples are grouped by bucket, longest first,
and cut into batches of B, so that at most one batch is short: it is padded with rows of weight 0.
With shuffling, examples are in random order within a bucket and batches in random order.
Without, examples of a bucket keep the file's order, and batches come in the order of their first
example's place in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shadow_mlx.data.buckets import MAX_BUCKETS, bucket_edges
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.errors import DataError

Cursor = Mapping[str, int]
"""``{"epoch": e, "position": batches of that epoch already drawn}``, as JSON keeps it."""

OWN_ROWS: npt.NDArray[np.int32] = np.zeros((0, 0), np.int32)
"""The starts of a batch of which every row is one example."""

_RNG_STREAM = 0xBA7C4

Rows = Sequence[npt.NDArray[np.int64]]
"""The examples of each row."""


@dataclass(frozen=True, eq=False)
class Batch:
    """One rank's rows of a global batch.

    Attributes:
        inputs: int32[B / world, T]; padding is 0, its weight is 0.
        targets: int32[B / world, T], the inputs one token later.
        weights: float32[B / world, T], 1 where the target is trained.
        tokens: Trained targets of this rank's rows (it can be 0 on one rank, never on all).
        global_tokens: Trained targets of the global batch, always more than 0.
        examples: int64[n], the data set's indices of this rank's examples, row after row.
        cursor: Where the next batch begins.
        starts: int32[B / world, T], where in its row each token's example begins; empty where every
            row is one example.
        notes: What the plan has noted of each trained target, ``[tokens, …]``, row after row.
    """

    inputs: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    tokens: int
    global_tokens: int
    examples: npt.NDArray[np.int64]
    cursor: dict[str, int]
    starts: npt.NDArray[np.int32] = field(default_factory=lambda: OWN_ROWS)
    notes: tuple[npt.NDArray[np.generic], ...] = ()


class Notes(Protocol):
    """What is known of each trained target of a data set."""

    def of(self, examples: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.generic], ...]:
        """Arrays ``[n, …]`` of some examples' trained targets, one example after the other."""
        ...


class BatchPlan:
    """Which examples form which batch, for one data set.

    Args:
        dataset: The encoded examples.
        batch_size: Rows of a global batch, over all ranks.
        seed: Of the order.
        shuffle: Random order (see the module) or the file's, as far as buckets allow.
        rank: This process, from 0.
        world: Number of processes; rank r takes rows r, r + world, …
        max_buckets: Distinct lengths, and so batch shapes, at most.

    Attributes:
        notes: Where a batch's notes come from, if it has any.
        shared_rows: Whether a row may hold several examples (:mod:`.packing`).

    Raises:
        DataError: When there is no example, or the ranks cannot share a batch evenly.
    """

    shared_rows = False

    def __init__(
        self,
        dataset: EncodedDataset,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        if not len(dataset):
            raise DataError("The data hold no example with a token to train on.")
        if not dataset.supervised_lengths.all():
            raise ValueError("an example without a trained token came past the encoder")
        if batch_size % world:
            raise DataError(
                f"--batch-size {batch_size} cannot be shared evenly by {world} processes; "
                f"take a multiple of {world}."
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.world = world
        self.widths = dataset.lengths - 1
        self.notes: Notes | None = None
        self.edges = bucket_edges(self.widths, max_buckets)
        self._bucket = np.searchsorted(self.edges, self.widths)

    @property
    def batches_per_epoch(self) -> int:
        """Global batches of one epoch, the short one among them."""
        return -(-len(self.dataset) // self.batch_size)

    def epoch(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        """The examples of each global batch, in the order of training."""
        count, size = len(self.dataset), self.batch_size
        order = self.drawn(epoch, 0, count) if self.shuffle else np.arange(count)
        order = order[np.argsort(-self._bucket[order], kind="stable")]
        batches = [order[i : i + size] for i in range(0, count, size)]
        if self.shuffle:
            places = self.drawn(epoch, 1, len(batches))
        else:
            places = np.argsort([int(batch.min()) for batch in batches], kind="stable")
        return [batches[i] for i in places]

    def width(self, batch: npt.NDArray[np.int64]) -> int:
        """T of a global batch: the edge of its longest example."""
        return int(self.edges[self._bucket[batch].max()])

    def iterate(self, cursor: Cursor | None = None, epochs: int | None = None) -> Iterator[Batch]:
        """Batches from the cursor on.

        Args:
            cursor: From a batch that was drawn before; ``None`` starts at the beginning.
            epochs: Stop before this epoch; ``None`` never stops.

        Raises:
            DataError: When the cursor belongs to other data.
        """
        epoch, position = self._start(cursor)
        while epochs is None or epoch < epochs:
            batches = self.epoch(epoch)
            while position < len(batches):
                examples = batches[position]
                position += 1
                done = position == len(batches)
                after = (epoch + 1, 0) if done else (epoch, position)
                yield self._build(examples, {"epoch": after[0], "position": after[1]})
            epoch, position = epoch + 1, 0

    def _start(self, cursor: Cursor | None) -> tuple[int, int]:
        epoch, position = (cursor["epoch"], cursor["position"]) if cursor else (0, 0)
        if epoch < 0 or not 0 <= position < self.batches_per_epoch:
            raise DataError(
                f"The saved position (epoch {epoch}, batch {position}) does not exist in these "
                f"data, which make {self.batches_per_epoch} batches. Were the data changed?"
            )
        return epoch, position

    def drawn(self, epoch: int, stream: int, count: int) -> npt.NDArray[np.int64]:
        """A permutation. Raw generator output is the same in every version of NumPy."""
        keys = np.random.PCG64([self.seed, epoch, stream, _RNG_STREAM]).random_raw(count)
        return np.argsort(keys, kind="stable")

    def rows(self, examples: npt.NDArray[np.int64]) -> tuple[Rows, int]:
        """The rows of a global batch and their width; rank r has rows r, r + world, …"""
        none = np.zeros(0, np.int64)
        padding = [none] * (self.batch_size - len(examples))
        return [*np.split(examples, len(examples)), *padding], self.width(examples)

    def _build(self, examples: npt.NDArray[np.int64], cursor: dict[str, int]) -> Batch:
        rows, width = self.rows(examples)
        rows = rows[self.rank :: self.world]
        shape = (len(rows), width)
        inputs, targets, starts = (np.zeros(shape, np.int32) for _ in range(3))
        weights = np.zeros(shape, np.float32)
        for row, members in enumerate(rows):
            begin = 0
            for index in members:
                example = self.dataset[int(index)]
                end = begin + len(example.tokens) - 1
                inputs[row, begin:end] = example.tokens[:-1]
                targets[row, begin:end] = example.tokens[1:]
                weights[row, begin:end] = example.supervised[1:]
                starts[row, begin:end] = begin
                begin = end
            starts[row, begin:] = begin  # padding is one more example, which nothing looks at
        trained = self.dataset.supervised_lengths
        mine = np.concatenate(rows)
        return Batch(
            inputs,
            targets,
            weights,
            tokens=int(trained[mine].sum()),
            global_tokens=int(trained[examples].sum()),
            examples=mine,
            cursor=cursor,
            starts=starts if self.shared_rows else OWN_ROWS,
            notes=self.notes.of(mine) if self.notes else (),
        )
