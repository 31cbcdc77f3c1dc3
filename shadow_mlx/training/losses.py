"""Cross entropy on supervised positions alone, never holding all their logits at once.

B batch · T tokens · D hidden size · V vocabulary · N supervised positions, padded to a bucket
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import mlx.core as mx
import numpy as np
from jaxtyping import Float, Float32, Int32

from shadow_mlx.data.batches import OWN_ROWS, Batch

Head = Callable[[mx.array], mx.array]

Rows = tuple[mx.array, ...]
"""Arrays of which the first axis is that of the supervised positions."""

Criterion = Callable[..., tuple[mx.array, mx.array]]
"""``(logits [n, V], targets [n], labels [n], weights [n], *rows)`` to what is minimised, a scalar,
and the losses that a person follows, float32[L]; all of them summed over the rows."""

LOGITS_BYTES = 32 * 2**20
"""Float32 logits of one part of the positions, in bytes.

By the estimate, twice as much raises the peak of small backbones with large vocabularies by a
tenth, and half as much lowers no peak by more than a fiftieth.
"""

SIZES_PER_OCTAVE = 4
SMALLEST_SIZE = 16


@dataclass(frozen=True)
class Supervised:
    """One batch as the compiled step takes it: every array an input, every shape from a bucket.

    Attributes:
        inputs: Token ids.
        positions: Indices into the flattened ``[B * T]``, padded with 0.
        targets: The tokens to predict there.
        weights: 1 for a supervised position and 0 for padding.
        labels: Those of the positions whose target is right and not only what a model wrote: there
            the cross entropy counts, and elsewhere a teacher's word alone.
        starts: Where in its row each token's example begins, ``[B, T]``; empty where every row is
            one example.
        notes: What else an objective is told of each position, padded likewise.
    """

    inputs: Int32[mx.array, "batch length"]
    positions: Int32[mx.array, " trained"]
    targets: Int32[mx.array, " trained"]
    weights: Float32[mx.array, " trained"]
    labels: Float32[mx.array, " trained"]
    starts: Int32[mx.array, "rows starts"] = field(default_factory=lambda: mx.array(OWN_ROWS))
    notes: Rows = ()

    @classmethod
    def of(cls, arrays: Sequence[mx.array]) -> Supervised:
        """The batch of :meth:`arrays`."""
        inputs, positions, targets, weights, labels, starts, *notes = arrays
        return cls(inputs, positions, targets, weights, labels, starts, tuple(notes))

    def arrays(self) -> Rows:
        """All arrays, in the order of the attributes."""
        return (
            self.inputs, self.positions, self.targets, self.weights, self.labels, self.starts,
            *self.notes,
        )  # fmt: skip


def bucket_size(count: int) -> int:
    """The smallest of a few sizes (four to an octave, so at most a quarter more) ≥ ``count``."""
    if count <= SMALLEST_SIZE:
        return SMALLEST_SIZE
    step = 1 << max((count - 1).bit_length() - SIZES_PER_OCTAVE.bit_length(), 0)
    return -(-count // step) * step


def supervised(batch: Batch, *, labelled: bool = True, room: int = 0) -> Supervised:
    """Keep the positions of a batch that are trained.

    Args:
        batch: One process's rows.
        labelled: Whether its targets are right, and not only what a model wrote.
        room: Positions for which there is to be room at least.
    """
    weights = batch.weights.reshape(-1)
    chosen = np.flatnonzero(weights)
    pad = (0, bucket_size(max(len(chosen), room)) - len(chosen))
    counted = np.pad(weights[chosen].astype(np.float32), pad)
    return Supervised(
        mx.array(batch.inputs),
        mx.array(np.pad(chosen.astype(np.int32), pad)),
        mx.array(np.pad(batch.targets.reshape(-1)[chosen], pad)),
        mx.array(counted),
        mx.array(counted if labelled else np.zeros_like(counted)),
        mx.array(batch.starts),
        tuple(mx.array(np.pad(note, (pad, (0, 0)))) for note in batch.notes),
    )


def gather(
    hidden: Float[mx.array, "batch length hidden"], positions: Int32[mx.array, " trained"]
) -> Float[mx.array, "trained hidden"]:
    """``[B, T, D]`` to ``[N, D]``."""
    return hidden.reshape(-1, hidden.shape[-1])[positions]


def head_loss(
    head: Head, hidden: Float[mx.array, "trained hidden"], batch: Supervised, differentiable: bool
) -> Float32[mx.array, ""]:
    """Summed cross entropy of ``head(hidden)``, ``[N, D]``, against the batch's targets."""
    return head_losses(head, hidden, batch, _cross_entropy_alone, differentiable=differentiable)[0]


def head_losses(
    head: Head,
    hidden: Float[mx.array, "trained hidden"],
    batch: Supervised,
    criterion: Criterion,
    rows: Rows = (),
    *,
    differentiable: bool,
) -> tuple[Float32[mx.array, ""], Float32[mx.array, " losses"]]:
    """A criterion of ``head(hidden)``, summed over the positions, of which few are scored at once.

    Args:
        head: ``[n, D]`` to logits ``[n, V]``; frozen.
        hidden: ``[N, D]``.
        batch: Its targets, labels and weights.
        criterion: Scores logits.
        rows: Further arrays ``[N, …]`` of the same positions, which the criterion is given too.
        differentiable: Whether the value's gradient by ``hidden`` will be asked for.

    Returns:
        The value, and the losses beside it, which have no gradient.
    """
    if differentiable:
        value, losses, gradient = head_gradient(head, hidden, batch, criterion, rows)
        return _with_gradient(value, hidden, gradient), mx.stop_gradient(losses)
    value, losses = mx.array(0.0), mx.array(0.0)
    done: list[mx.array] = []
    for chunk, arrays in _chunks(head, hidden, batch, rows, done):
        more, found = _scored(head, criterion, chunk, arrays)
        value, losses = value + more, losses + found
        done[:] = [value, losses]
    return value, losses


def head_gradient(
    head: Head,
    hidden: Float[mx.array, "trained hidden"],
    batch: Supervised,
    criterion: Criterion | None = None,
    rows: Rows = (),
) -> tuple[Float32[mx.array, ""], Float32[mx.array, " losses"], Float[mx.array, "trained hidden"]]:
    """The summed value and losses, and the value's gradient by the hidden states ``[N, D]``.

    The head is frozen, so each chunk's gradient by its hidden states is taken together with its
    loss: the logits are computed once, are forgotten at once, and are not needed again in the
    backward pass.
    """
    value, losses = mx.array(0.0), mx.array(0.0)
    gradients: list[mx.array] = []
    done: list[mx.array] = []
    scored = mx.value_and_grad(_scored, argnums=2)
    for chunk, arrays in _chunks(head, hidden, batch, rows, done):
        (more, found), gradient = scored(head, criterion or _cross_entropy_alone, chunk, arrays)
        gradients.append(gradient)
        value, losses = value + more, losses + found
        done[:] = [value, losses, gradient]
    return value, losses, mx.concatenate(gradients)


def _chunks(
    head: Head, hidden: mx.array, batch: Supervised, rows: Rows, done: list[mx.array]
) -> Iterator[tuple[mx.array, Rows]]:
    """Hidden states, and what belongs to them, some at a time; each waits for what is ``done``."""
    count = chunk_rows(head(hidden[:1]).shape[-1])  # traced for its shape, never evaluated
    arrays = (batch.targets, batch.labels, batch.weights, *rows)
    for start in range(0, hidden.shape[0], count):
        here = slice(start, start + count)
        chunk = mx.stop_gradient(hidden[here])
        if done:
            chunk = mx.depends([chunk], done)[0]
        yield chunk, tuple(array[here] for array in arrays)


def chunk_rows(vocabulary: int) -> int:
    """Hidden states whose float32 logits fit in :data:`LOGITS_BYTES`."""
    return max(1, LOGITS_BYTES // (4 * vocabulary))


def _scored(
    head: Head, criterion: Criterion, hidden: Float[mx.array, "rows hidden"], arrays: Rows
) -> tuple[Float32[mx.array, ""], Float32[mx.array, " losses"]]:
    logits = head(hidden)
    if mx.default_device().type == mx.DeviceType.cpu:
        logits = logits.astype(mx.float32)  # the GPU kernels accumulate in float32 by themselves
    return criterion(logits, *arrays)


def cross_entropy(
    logits: Float[mx.array, "rows vocabulary"],
    targets: Int32[mx.array, " rows"],
    weights: Float32[mx.array, " rows"],
) -> Float32[mx.array, ""]:
    """Summed over the rows."""
    return (mx.fast.cross_entropy(logits, targets) * weights).sum()


def _cross_entropy_alone(
    logits: mx.array, targets: mx.array, labels: mx.array, _: mx.array
) -> tuple[mx.array, mx.array]:
    loss = cross_entropy(logits, targets, labels)
    return loss, loss[None]


def _with_gradient(
    value: Float32[mx.array, ""],
    hidden: Float[mx.array, "trained hidden"],
    gradient: Float[mx.array, "trained hidden"],
) -> Float32[mx.array, ""]:
    """``value``, whose gradient by ``hidden`` is ``gradient``: a product is added and taken away.

    A custom function would say the same, but MLX cannot record one for the memory estimate.
    """
    product = (hidden * mx.stop_gradient(gradient)).sum().astype(mx.float32)
    return mx.stop_gradient(value) + (product - mx.stop_gradient(product))
