"""Every family that mlx-lm can split, in two processes: ``python -m tests.architectures.in_parts``.

Each of the two processes runs this program. For each family it takes the attached model's logits
and the gradients of its shadow before and after the split, and what the two of them find is written
by the first one, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.parallel.team import Team
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.splitting import check_gradients
from tests.architectures.families import FAMILIES, FULL, LATENT, ROUTED, Family, _family, _wrapped
from tests.architectures.matrix import attach_tiny, build, perturb, tokens

LENGTH = 12

BESIDE = (
    _wrapped("kimi_k25", "Kimi K2.5", "deepseek_v3", **ROUTED, **LATENT),
    _wrapped(
        "minimax_m3_vl", "MiniMax M3 (text)", "minimax_m3_vl_text", num_local_experts=4,
        num_experts_per_tok=2, shared_intermediate_size=24, dense_intermediate_size=48,
        layer_types=[FULL, FULL, FULL], moe_layer_freq=[0, 1, 1], tie_word_embeddings=False,
    ),
)  # fmt: skip
"""Families that can be split and are not in the matrix."""

FOUR_BIT = dataclasses.replace(
    _family("llama", "Llama, quantized", hidden_size=64, head_dim=16, intermediate_size=64),
    name="llama, 4 bits",
)


def split_families() -> list[Family]:
    """The families of the matrix that mlx-lm can split."""
    every = (*FAMILIES, *BESIDE, FOUR_BIT)
    return [family for family in every if hasattr(build(family.config), "shard")]


def measured(model: AttachedModel) -> dict[str, mx.array]:
    """Logits of some tokens, and the gradient of each trained tensor."""
    inputs = tokens(LENGTH)

    def loss(model: AttachedModel) -> mx.array:
        return nn.losses.cross_entropy(model(inputs[:, :-1]), inputs[:, 1:], reduction="mean")

    gradients = nn.value_and_grad(model, loss)(model)[1]
    found = {"logits": model(inputs), **dict(tree_flatten(gradients))}
    mx.eval(found)
    return found


def errors(family: Family, team: Team) -> dict[str, Any]:
    """How far logits and gradients of this process's part are from those of the whole."""
    backbone = build(family.config)
    if family is FOUR_BIT:
        nn.quantize(backbone, group_size=32, bits=4)
    model = attach_tiny(family, backbone)
    model.eval()
    perturb(model.shadow, seed=2, scale=0.2)
    before = measured(model)
    whole = sum(array.nbytes for _, array in tree_flatten(model.backbone.parameters()))
    model.split(team.group, family.name)
    part = sum(array.nbytes for _, array in tree_flatten(model.backbone.parameters()))
    after = measured(model)
    largest = max(mx.abs(array).max() for name, array in before.items() if name != "logits")
    apart = {name: mx.abs(after[name] - array).max() for name, array in before.items()}
    logits = apart.pop("logits") / mx.abs(before["logits"]).max()
    worst = max(apart.values()) / largest
    refused = ""
    try:
        check_gradients(model.decoder, team)
    except ShadowMLXError as error:
        refused = str(error)
    return {
        "logits": logits.item(),
        "gradients": worst.item(),
        "share": part / whole,
        "refused": refused,
    }


def main() -> None:
    """Go through the families that are named, or all of them."""
    mx.disable_compile()
    team = Team.gathered("tensor")
    found = {}
    for family in split_families():
        if not sys.argv[1:] or family.name in sys.argv[1:]:
            found[family.name] = errors(family, team)
            if team.first:
                print(family.name, found[family.name], file=sys.stderr, flush=True)
    if team.first:
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
