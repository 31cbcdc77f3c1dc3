"""The size of what the shadow reads and writes, measured once, and what training makes of it.

The hidden states of a language model grow with the depth (in SmolLM2-135M from 0.1 to 34), and a
few channels are hundreds of times larger than the others. An optimizer that moves every weight by
about the same amount then moves a large channel's influence far too much and a small one's hardly
at all. So the weights that touch hidden states are trained in units of what they touch: those that
read channel ``j`` in units of ``1 / rms(j)``, those that write in units of the block's typical
channel. It is a change of coordinates around the optimizer and of the random start, nothing else:
model, adapter files and answers know nothing of it.

Units are powers of two, so that going into these coordinates and back is exact.

L blocks · D hidden size · r rank · u update width
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten

from shadow_mlx.backbones.reference import Reference
from shadow_mlx.parallel.team import Team
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.modules import ShadowLayer

Units = dict[str, mx.array]
"""Units by the weight's path in the model; what is not in it is trained as it stands."""

SMALLEST_SHARE = 0.125
"""Of the median channel: a channel that is silent in a few batches may speak later."""


@dataclass
class _Watched:
    """A layer of the shadow that notes what its block reads and gives, and changes nothing.

    Attributes:
        read: float32[D], squares of ``h − s⁰``, summed over the tokens.
        given: float32[D], squares of the block's output.
        training: Nothing is differentiated here.
    """

    layer: ShadowLayer
    mask: mx.array
    read: list[mx.array] = field(default_factory=list)
    given: list[mx.array] = field(default_factory=list)
    training: bool = False

    def inject(self, h: mx.array, s: mx.array, key: mx.array | None = None) -> mx.array:
        """``h`` as it is."""
        self.read.append(self._squares(h - s))
        return h

    def advance(self, h_out: mx.array, s: mx.array) -> mx.array:
        """``s⁰`` as it is."""
        self.given.append(self._squares(h_out))
        return s

    def _squares(self, states: mx.array) -> mx.array:
        return (mx.square(states.astype(mx.float32)) * self.mask[..., None]).sum((0, 1))


def measured_units(
    model: AttachedModel, batches: Sequence[tuple[mx.array, mx.array]], team: Team
) -> Units:
    """The units of a fresh or loaded shadow of PEFT's variant, from a few training batches.

    Args:
        model: The model; its weights are left alone.
        batches: Token ids int32[B, T], and float32[B, T], 1 where there is a token.
        team: Processes that train together, each with its own rows of the batches.
    """
    blocks = model.layers
    reads, gives = [mx.array(0.0)] * len(blocks), [mx.array(0.0)] * (len(blocks) - 1)
    for inputs, mask in batches:
        with _watched(model, mask) as watched:
            mx.eval(model.hidden(inputs))
        reads = [total + one.read[0] for total, one in zip(reads, watched, strict=True)]
        gives = [total + one.given[0] for total, one in zip(gives, watched[:-1], strict=True)]
        mx.eval(reads, gives)
    tokens = sum((mask.sum() for _, mask in batches), mx.array(0.0))
    add = team.total
    reads, gives, tokens = list(map(add, reads)), list(map(add, gives)), add(tokens)
    rms = [mx.sqrt(total / tokens) for total in reads]
    outputs = [mx.sqrt(total / tokens) for total in gives]
    names = {id(layer): f"shadow.layers.{i}" for i, layer in enumerate(model.shadow.layers)}
    layers = model.shadow.for_blocks(len(blocks))
    found: Units = {}
    for layer in model.shadow.layers:
        here = [i for i, user in enumerate(layers) if user is layer]
        read = _typical([rms[i] for i in here])
        written = _middle(_typical([rms[i] for i in here]))
        path = names[id(layer)]
        found[f"{path}.down.weight"] = (1 / read)[None]  # [1, D]
        found[f"{path}.up.weight"] = written  # []
        ruled = [i for i, user in enumerate(layers[:-1]) if user.rule.module is layer]
        if "transform" not in layer or not ruled:
            continue
        read = _typical([outputs[i] for i in ruled])
        for part in ("transform", "gate"):
            found[f"{path}.{part}.first.weight"] = (1 / read)[None]
        found[f"{path}.transform.second.weight"] = _middle(read)
        found[f"{path}.transform.second.bias"] = _middle(read)
    units = {name: _power_of_two(unit) for name, unit in found.items()}
    mx.eval(units)
    return units


@contextmanager
def _watched(model: AttachedModel, mask: mx.array) -> Iterator[list[_Watched]]:
    blocks = model.layers
    layers = [block.shadow_layer for block in blocks]
    recomputing = any(block.recompute for block in blocks)
    watched = [_Watched(layer.module, mask) for layer in layers]
    training = model.training
    model.eval()
    model.recompute_activations(False)  # nothing is differentiated
    try:
        for block, one in zip(blocks, watched, strict=True):
            block.shadow_layer = Reference(one)
        yield watched
    finally:
        for block, layer in zip(blocks, layers, strict=True):
            block.shadow_layer = layer
        model.recompute_activations(recomputing)
        model.train(training)


def _typical(channels: Sequence[mx.array]) -> mx.array:
    """Geometric mean over blocks, float32[D], with a floor below what is silent."""
    floored = [mx.maximum(one, SMALLEST_SHARE * _middle(one) + 1e-12) for one in channels]
    return mx.exp(mx.stack([mx.log(one) for one in floored]).mean(0))


def _middle(channels: mx.array) -> mx.array:
    return mx.sort(channels)[channels.size // 2]


def _power_of_two(values: mx.array) -> mx.array:
    return mx.power(2.0, mx.round(mx.log2(values)))


def start_in_units(model: nn.Module, units: Units) -> None:
    """Take a fresh model's random weights as numbers in these units."""
    weights = dict(tree_flatten(model.trainable_parameters()))
    model.update(tree_unflatten([(name, weights[name] * unit) for name, unit in units.items()]))


def into(units: Units, weights: Any) -> Any:
    """Weights as numbers in their units."""
    return _by_name(weights, units, lambda weight, unit: weight / unit)


def out_of(units: Units, numbers: Any) -> Any:
    """The weights that such numbers stand for; of gradients by weights, those by numbers."""
    return _by_name(numbers, units, lambda number, unit: number * unit)


def _by_name(tree: Any, units: Units, change: Callable[[mx.array, mx.array], mx.array]) -> Any:
    return tree_map_with_path(
        lambda name, value: change(value, units[name]) if name in units else value, tree
    )
