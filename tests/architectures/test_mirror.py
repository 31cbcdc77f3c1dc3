"""Every family: the mirror has the backbone's own kinds of block, in the widths asked for."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.errors import ConfigError
from tests.architectures.matrix import (
    BY_NAME,
    TOLERANCE,
    attach_tiny,
    build,
    difference,
    in_chunks,
    tokens,
)

NARROW = {"shadow_hidden_size": 16, "shadow_intermediate_size": 20, "shadow_heads": 2}
WIDER = {"lille-130m": {"shadow_hidden_size": 56}}  # its MLP's width is rounded: to 0 below
LEAST = {"bailing_moe_linear": 2}  # it counts positions in its first attention layer's cache
MLP, HEADS = "shadow_intermediate_size", "shadow_heads"
# The architecture has no such setting, or its first layer (a convolution, a recurrence) has none.
UNSETTABLE = {
    **dict.fromkeys(
        ("gpt2", "gpt_neox", "gptj", "nemotron-nas", "dbrx", "mamba2", "lille-130m"), (MLP,)
    ),
    **dict.fromkeys(("nemotron_h", "openelm"), (MLP, HEADS)),
    **dict.fromkeys(
        (
            "qwen3_next", "qwen3_5", "qwen3_5_moe", "olmo_hybrid", "granitemoehybrid", "lfm2",
            "lfm2_moe", "jamba", "mamba", "plamo2", "kimi_linear", "rwkv7",
            "mimo_v2_flash", "laguna",  # heads are set layer by layer
        ),
        (HEADS,),
    ),
}  # fmt: skip


def kind(block: nn.Module) -> list[Any]:
    """Types, plain settings and shapes of everything in a block."""
    found: list[Any] = [(name, value.shape) for name, value in tree_flatten(block.parameters())]
    for path, module in block.named_modules():
        plain = {k: v for k, v in vars(module).items() if isinstance(v, (bool, int, float, str))}
        plain.pop("_training", None)
        found.append((path, type(module).__name__, plain))
    return found


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_mirror_has_the_backbones_kinds_of_block(name: str, layers: int) -> None:
    backbone = build(BY_NAME[name].config)
    layers = max(layers, LEAST.get(name, 1))
    expected = [kind(block) for block in find_decoder(backbone).blocks[:layers]]
    found = attach_tiny(BY_NAME[name], backbone, shadow_layers=layers)
    assert [kind(block) for block in found.shadow.backbone.layers] == expected


@pytest.mark.parametrize("name", BY_NAME)
def test_a_narrow_mirror_computes_and_caches(name: str) -> None:
    family = BY_NAME[name]
    narrow = NARROW | WIDER.get(name, {})
    options = {o: v for o, v in narrow.items() if o not in UNSETTABLE.get(name, ())}
    model = attach_tiny(family, build(family.config), shadow_layers=LEAST.get(name, 1), **options)
    found = model.shadow.backbone.decoder.embedding.projection.weight.shape[0]
    assert found == narrow["shadow_hidden_size"]
    detached = model.detached()
    detached.eval()
    inputs = tokens(9)
    logits = detached(inputs)
    assert bool(mx.isfinite(logits).all())
    assert difference(in_chunks(detached, inputs, (5, 1, 3)), logits) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, options in UNSETTABLE.items() for option in options],
)
def test_a_width_that_cannot_be_set_is_an_error(name: str, option: str) -> None:
    family = BY_NAME[name]
    with pytest.raises(ConfigError, match="--" + option.replace("_", "-")):
        attach_tiny(family, build(family.config), **{option: NARROW[option], "shadow_layers": 1})
