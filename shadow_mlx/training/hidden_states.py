"""Hidden states as a target: which states of the shadow are pulled to which of the teacher's.

N supervised positions · D backbone width
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
from jaxtyping import Float, Float32

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError

HIDDEN = "hidden_loss"


@dataclass(frozen=True)
class HiddenTargets:
    """Pairs of states whose distance is a loss.

    Attributes:
        weight: What the distance counts.
        layers: Of the shadow network, from 1; none where nothing is pulled.
        blocks: Of the teacher, from 1: one for each of the layers.
    """

    weight: float = 0.0
    layers: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.layers)

    def distance(
        self,
        states: Sequence[Float[mx.array, "trained hidden"]],
        taught: Sequence[Float[mx.array, "trained hidden"]],
        weights: Float32[mx.array, " trained"],
    ) -> Float32[mx.array, ""]:
        """The mean over the pairs of :func:`hidden_distance`, summed over positions."""
        apart = [
            hidden_distance(state, target, weights)
            for state, target in zip(states, taught, strict=True)
        ]
        return sum(apart[1:], apart[0]) / len(apart)


NO_TARGETS = HiddenTargets()
"""No state is pulled."""


def hidden_targets(config: TrainConfig, *, layers: int, blocks: int) -> HiddenTargets:
    """The pairs that ``--hidden-blocks`` means.

    Args:
        config: The settled options.
        layers: Number of the shadow's layers.
        blocks: Number of the teacher's blocks.

    Raises:
        ConfigError: There is no such block, or not one for each layer.
    """
    if not config.hidden_weight:
        return NO_TARGETS
    every, asked = tuple(range(1, layers + 1)), f"--hidden-blocks {config.hidden_blocks}"
    if config.hidden_blocks == "last":
        return HiddenTargets(config.hidden_weight, (layers,), (blocks,))
    if config.hidden_blocks == "even":
        return HiddenTargets(config.hidden_weight, every, even_blocks(layers, blocks))
    chosen = config.numbered_blocks
    if len(chosen) != layers:
        raise ConfigError(
            f"{asked}: expected one block for each layer of the shadow, which has {layers}; found "
            f"{len(chosen)}"
        )
    if max(chosen) > blocks:
        raise ConfigError(
            f"{asked}: the teacher has the blocks 1 to {blocks}; there is no block {max(chosen)}"
        )
    return HiddenTargets(config.hidden_weight, every, chosen)


def even_blocks(layers: int, blocks: int) -> tuple[int, ...]:
    """One block for each layer, in equal strides; the last layer has the last block."""
    return tuple(max(1, round(layer * blocks / layers)) for layer in range(1, layers + 1))


def hidden_distance(
    state: Float[mx.array, "trained hidden"],
    taught: Float[mx.array, "trained hidden"],
    weights: Float32[mx.array, " trained"],
) -> Float32[mx.array, ""]:
    """Σ over positions of ``‖s − h‖² / ‖h‖²``: 1 for a state that says nothing."""
    state, taught = state.astype(mx.float32), taught.astype(mx.float32)
    size = mx.square(taught).sum(-1) + 1e-6
    return ((mx.square(state - taught).sum(-1) / size) * weights).sum()
