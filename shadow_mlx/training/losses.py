"""Cross entropy on supervised positions alone, never holding all their logits at once.

B batch · T tokens · D hidden size · V vocabulary · N supervised positions, padded to a bucket
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import mlx.core as mx
import numpy as np
from jaxtyping import Float, Float32, Int32

from shadow_mlx.data.batches import Batch

Head = Callable[[mx.array], mx.array]

LOGITS_BYTES = 64 * 2**20
"""Float32 logits that are alive at once, in bytes."""

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
    """

    inputs: Int32[mx.array, "batch length"]
    positions: Int32[mx.array, " trained"]
    targets: Int32[mx.array, " trained"]
    weights: Float32[mx.array, " trained"]

    def arrays(
        self,
    ) -> tuple[
        Int32[mx.array, "batch length"],
        Int32[mx.array, " trained"],
        Int32[mx.array, " trained"],
        Float32[mx.array, " trained"],
    ]:
        """The four arrays, in the order of the attributes."""
        return self.inputs, self.positions, self.targets, self.weights


def bucket_size(count: int) -> int:
    """The smallest of a few sizes (four to an octave, so at most a quarter more) ≥ ``count``."""
    if count <= SMALLEST_SIZE:
        return SMALLEST_SIZE
    step = 1 << max((count - 1).bit_length() - SIZES_PER_OCTAVE.bit_length(), 0)
    return -(-count // step) * step


def supervised(batch: Batch) -> Supervised:
    """Keep the positions of a batch that are trained."""
    weights = batch.weights.reshape(-1)
    chosen = np.flatnonzero(weights)
    pad = (0, bucket_size(len(chosen)) - len(chosen))
    return Supervised(
        mx.array(batch.inputs),
        mx.array(np.pad(chosen.astype(np.int32), pad)),
        mx.array(np.pad(batch.targets.reshape(-1)[chosen], pad)),
        mx.array(np.pad(weights[chosen].astype(np.float32), pad)),
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
    if differentiable:
        total, gradient = head_gradient(head, hidden, batch)
        return cast(mx.array, _known_gradient(total, hidden, gradient))
    total = mx.array(0.0)
    done: list[mx.array] = []
    for chunk, targets, weights in _chunks(head, hidden, batch, done):
        total = total + _chunk_loss(head, chunk, targets, weights)
        done[:] = [total]
    return total


def head_gradient(
    head: Head, hidden: Float[mx.array, "trained hidden"], batch: Supervised
) -> tuple[Float32[mx.array, ""], Float[mx.array, "trained hidden"]]:
    """The summed cross entropy, and its gradient by the hidden states ``[N, D]``.

    The head is frozen, so each chunk's gradient by its hidden states is taken together with its
    loss: the logits are computed once, are forgotten at once, and are not needed again in the
    backward pass.
    """
    total = mx.array(0.0)
    gradients: list[mx.array] = []
    done: list[mx.array] = []
    for chunk, targets, weights in _chunks(head, hidden, batch, done):
        loss, gradient = mx.value_and_grad(_chunk_loss, argnums=1)(head, chunk, targets, weights)
        gradients.append(gradient)
        total = total + loss
        done[:] = [total, gradient]
    return total, mx.concatenate(gradients)


def _chunks(
    head: Head, hidden: mx.array, batch: Supervised, done: list[mx.array]
) -> Iterator[tuple[mx.array, mx.array, mx.array]]:
    """Hidden states, targets and weights, some at a time; each waits for what is ``done``."""
    rows = chunk_rows(head(hidden[:1]).shape[-1])  # traced for its shape, never evaluated
    for start in range(0, hidden.shape[0], rows):
        chunk = mx.stop_gradient(hidden[start : start + rows])
        if done:
            chunk = mx.depends([chunk], done)[0]
        yield chunk, batch.targets[start : start + rows], batch.weights[start : start + rows]


def chunk_rows(vocabulary: int) -> int:
    """Hidden states whose float32 logits fit in :data:`LOGITS_BYTES`."""
    return max(1, LOGITS_BYTES // (4 * vocabulary))


def _chunk_loss(
    head: Head,
    hidden: Float[mx.array, "rows hidden"],
    targets: Int32[mx.array, " rows"],
    weights: Float32[mx.array, " rows"],
) -> Float32[mx.array, ""]:
    logits = head(hidden)
    if mx.default_device().type == mx.DeviceType.cpu:
        logits = logits.astype(mx.float32)  # the GPU kernels accumulate in float32 by themselves
    return (mx.fast.cross_entropy(logits, targets) * weights).sum()


@mx.custom_function
def _known_gradient(
    value: Float32[mx.array, ""],
    hidden: Float[mx.array, "trained hidden"],
    gradient: Float[mx.array, "trained hidden"],
) -> Float32[mx.array, ""]:
    """``value``, whose gradient by ``hidden`` is ``gradient``."""
    return value


@_known_gradient.vjp
def _known_gradient_vjp(
    primals: tuple[mx.array, mx.array, mx.array], cotangent: mx.array, output: mx.array
) -> tuple[mx.array, mx.array, mx.array]:
    value, hidden, gradient = primals
    return (
        mx.zeros_like(value),
        cotangent.astype(hidden.dtype) * gradient,
        mx.zeros_like(gradient),
    )
