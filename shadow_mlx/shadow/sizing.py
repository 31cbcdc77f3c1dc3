"""How large a shadow is, where its sizes are left open: as large as its budget allows.

A mirror layer of the backbone's own widths is far more than the method needs: at 4B its MLP alone
has 75 million numbers, where the paper trains 23 for the whole shadow. Open sizes are chosen among
the shapes that PEFT can build too (it keeps the backbone's width of a head and its key/value
heads): two layers if they find room, else one; as many heads as there is room for; the rest goes
into the MLP. On SmolLM2 a wider MLP bought little, and the one row with fewer heads was the worst
detached; two layers are what copying out of a prompt takes (docs/defaults.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.mirror import (
    HEADS,
    INTERMEDIATE_SIZE,
    KV_HEADS,
    build_mirror,
    declared_size,
    mirror_model_config,
)
from shadow_mlx.shadow.network import embedding_width, lent_to, seeded

PER_CHANNEL = 4200
"""Trained numbers for each channel of the backbone: about LoRA's of rank 8 at 135M parameters."""

LEAST_BUDGET = 1_000_000
"""No machine feels so many, and a small backbone's shadow needs them."""

DEEPEST = 2
NARROWEST = 128
STEP = 32
"""Layers, and the narrowest MLP and the steps of its width, that are chosen."""


def sized(
    config: ShadowConfig,
    budget: float | None,
    backbone: Decoder,
    backbone_config: Mapping[str, Any],
) -> ShadowConfig:
    """The options with the mirror's depth, heads and MLP width where they were left open.

    Args:
        config: The options; what they name is kept.
        budget: Trained numbers of the whole shadow, below 1 as a share of the backbone's; 0 for
            none: then open sizes are the backbone's own. ``None`` for :data:`PER_CHANNEL`, or the
            smallest shape where that is larger.
        backbone: The backbone's decoder; no weight of it is evaluated.
        backbone_config: Its ``config.json``.

    Raises:
        ConfigError: The budget was given and the smallest shape does not fit into it, or the
            options do not fit the backbone.
    """
    if config.shadow != "mirror":
        return config
    if budget == 0:
        return dataclasses.replace(config, shadow_layers=config.layers)
    width = embedding_width(backbone)
    modules = module_parameters(config, width, len(backbone.blocks))
    if budget is None:
        room = max(LEAST_BUDGET, PER_CHANNEL * width) - modules
    else:
        allowed = budget * get_total_parameters(backbone.model) if budget < 1 else budget
        room = int(allowed) - modules
    smallest: tuple[ShadowConfig, int] | None = None
    problem: ConfigError | None = None
    for shape in _shapes(config, backbone):
        try:
            found, taken = _as_wide_as_fits(shape, room, backbone, backbone_config)
        except ConfigError as error:  # this architecture has no such shape
            problem = problem or error
            continue
        if taken <= room:
            return found
        if smallest is None or taken < smallest[1]:
            smallest = found, taken
    if smallest is None:
        assert problem is not None  # there is at least one shape
        raise problem
    if budget is not None:
        raise ConfigError(
            f"--shadow-budget {budget:g}: the smallest shadow of these options has "
            f"{smallest[1] + modules:,} trained parameters; allow so many, or lower --rank"
        )
    return smallest[0]


def module_parameters(config: ShadowConfig, width: int, blocks: int) -> int:
    """Trained numbers of the inject/update modules, for ``blocks`` blocks of that width."""
    update = config.update_hidden_size or config.rank
    injections = 1 if config.sharing == "depth" else blocks
    updates = blocks if config.sharing == "layer" else 1
    return injections * 2 * width * config.rank + updates * 2 * (
        2 * width * update + update + width
    )


def _shapes(config: ShadowConfig, backbone: Decoder) -> Iterator[ShadowConfig]:
    """Depths and numbers of heads, the largest first; what is named is kept."""
    most = min(DEEPEST, len(backbone.blocks))
    depths = [config.shadow_layers] if config.shadow_layers else list(range(most, 0, -1))
    for depth in depths:
        for heads in _head_counts(config, backbone):
            yield dataclasses.replace(config, shadow_layers=depth, shadow_heads=heads)


def _head_counts(config: ShadowConfig, backbone: Decoder) -> list[int | None]:
    """The backbone's own (as ``None``), then ever fewer that its key/value heads divide."""
    arguments = backbone.arguments or {}
    heads, kv_heads = declared_size(arguments, HEADS), declared_size(arguments, KV_HEADS)
    named = (config.shadow_heads, config.shadow_kv_heads, config.shadow_hidden_size)
    if not heads or any(named):
        return [config.shadow_heads]
    step = kv_heads or 1
    return [None, *(n for n in range(heads - 1, 0, -1) if n % step == 0 and heads % n == 0)]


def _as_wide_as_fits(
    shape: ShadowConfig, room: int, backbone: Decoder, backbone_config: Mapping[str, Any]
) -> tuple[ShadowConfig, int]:
    """The shape with the widest MLP that fits into ``room``, or the narrowest; and its numbers."""

    def count(options: ShadowConfig) -> int:
        with seeded(0):  # what is drawn is never evaluated
            model_config = mirror_model_config(backbone, backbone_config, options)
            network = build_mirror(backbone, model_config, options.layers)
        inner = tree_flatten(network.decoder.inner.parameters())
        frozen = (network.decoder.embedding_name, *lent_to(network.decoder, backbone))
        theirs = tuple(f"{name}." for name in frozen)
        own = sum(value.size for name, value in inner if not name.startswith(theirs))
        narrow, wide = embedding_width(network.decoder), embedding_width(backbone)
        return own + (2 * narrow * wide if narrow != wide else 0)

    taken = count(shape)
    full = declared_size(backbone.arguments or {}, INTERMEDIATE_SIZE)
    if taken <= room or shape.shadow_intermediate_size or not full or full <= NARROWEST:
        return shape, taken
    narrow = dataclasses.replace(shape, shadow_intermediate_size=NARROWEST)
    least = count(narrow)
    each = (taken - least) / (full - NARROWEST)  # a wider MLP costs the same for every step
    more = int((room - least) / each / STEP) * STEP
    if more <= 0:
        return narrow, least
    wider = dataclasses.replace(shape, shadow_intermediate_size=NARROWEST + more)
    return wider, count(wider)
