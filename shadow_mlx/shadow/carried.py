"""A trained shadow's network for another backbone: its table is its own, not its first backbone's.

Its blocks and final norm are those that were trained. What it read of its backbone's embeddings
becomes its own table, and what the backbone's head said of it is what a projection to the other
backbone is fitted to.

Shapes: ``V`` tokens, ``D`` width of the first backbone, ``D_s`` shadow width.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np
import numpy.typing as npt
from mlx.utils import tree_flatten, tree_unflatten

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.trial import relative_error
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.shadow.explicit import COMPUTING, build_explicit
from shadow_mlx.shadow.network import ShadowBackbone, ShadowNetwork, seeded
from shadow_mlx.shadow.projection import head_matrix

_ROWS = 4096  # of the table that are looked up at once: of a quantized one, a large copy is made
_ASKED = 24  # tokens on which the two networks are compared
_APART = 2e-5  # so far, relative to their size, may float32 states be that are summed otherwise


def carried(shadow: ShadowBackbone, vocabulary: int) -> ShadowNetwork:
    """The network of a shadow with a table of its own; nothing is evaluated.

    Args:
        shadow: The shadow on its first backbone, in float32.
        vocabulary: Rows of the new backbone's table; the shadow's own gets as many.

    Raises:
        UnsupportedArchitectureError: Its architecture is not one of mlx-lm's own, or needs its
            backbone for more than a table.
    """
    decoder = shadow.decoder
    if shadow.borrowed:
        raise UnsupportedArchitectureError(
            f"--shadow: a {decoder.name} shadow as wide as its backbone reads more of it than one "
            "table (per-layer embeddings); it cannot go to another one"
        )
    config = carried_config(shadow.model_config, len(decoder.blocks), vocabulary)
    if config.get("model_file"):
        raise UnsupportedArchitectureError(
            f"--shadow: the architecture of its backbone is Python code of its own "
            f"({config['model_file']}), and a shadow of it cannot go to another backbone"
        )
    with seeded(0):  # the caller's stream of random numbers stays where it is
        network = build_explicit(config)
    table = f"{decoder.embedding_name}."
    own = {
        name: value
        for name, value in tree_flatten(decoder.inner.parameters())
        if not name.startswith(table)
    }
    own[f"{table}weight"] = _table(decoder, vocabulary)
    fresh = network.decoder
    expected = dict(tree_flatten(fresh.inner.parameters()))
    left_out = f"{fresh.own_head}."  # the new backbone has a head
    expected = {name: value for name, value in expected.items() if not name.startswith(left_out)}
    if {name: value.shape for name, value in expected.items()} != {
        name: value.shape for name, value in own.items()
    }:
        raise UnsupportedArchitectureError(
            f"--shadow: a {decoder.name} shadow is built otherwise without its own backbone; "
            "it cannot go to another one"
        )
    fresh.inner.update(tree_unflatten(list(own.items())))
    return network


def carried_config(model_config: Mapping[str, Any], blocks: int, vocabulary: int) -> dict[str, Any]:
    """The configuration from which :func:`build_explicit` makes the network again.

    Args:
        model_config: What the network was built from, at any depth.
        blocks: How many of its blocks compute.
        vocabulary: Rows of its table.
    """
    config = copy.deepcopy(dict(model_config))
    config.get("text_config", config)["vocab_size"] = vocabulary
    if "vocab_size" in config:
        config["vocab_size"] = vocabulary
    config[COMPUTING] = blocks
    return config


def said_head(shadow: ShadowBackbone, backbone: Decoder, tokens: int) -> npt.NDArray[np.float32]:
    """``H·P`` ``[V, D_s]``, which makes of its states the logits of the first ``tokens`` tokens."""
    head = head_matrix(backbone)[:tokens]
    if "projection" not in shadow:
        return head
    said: npt.NDArray[np.float32] = head @ np.array(shadow.projection.weight.astype(mx.float32))
    return said


def check_carried(shadow: ShadowBackbone, network: ShadowNetwork, tokens: int) -> None:
    """Refuse a network whose states are not those of the shadow that it was made of.

    Args:
        shadow: The shadow on its first backbone, in float32.
        network: What :func:`carried` made of it.
        tokens: How many tokens both know.

    Raises:
        UnsupportedArchitectureError: They differ.
    """
    inputs = (mx.arange(_ASKED) * 7919 % tokens)[None]  # a prime: far apart, the same each time
    expected = shadow.decoder.final_hidden(inputs)
    found = network.decoder.final_hidden(inputs)
    apart = relative_error(found, expected)
    if apart > _APART:
        raise UnsupportedArchitectureError(
            f"--shadow: a {shadow.decoder.name} shadow says something else without its own "
            f"backbone (states {apart:.1g} apart); it cannot go to another one"
        )


def _table(decoder: Decoder, vocabulary: int) -> mx.array:
    """What the shadow reads of each token ``[V, D_s]``; zeros for rows that it has not."""
    table: Any = decoder.embedding
    source = table.table.module if hasattr(table, "table") else table
    known = min(int(source.weight.shape[0]), vocabulary)
    chunks = [
        decoder.embedding(mx.arange(start, min(start + _ROWS, known))[None])[0]
        for start in range(0, known, _ROWS)
    ]
    rows = mx.concatenate(chunks).astype(mx.float32)
    return mx.pad(rows, [(0, vocabulary - known), (0, 0)])
