"""The options of the shadow."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx.config.option import Options, option
from shadow_mlx.config.values import LARGEST_COUNT

Sharing = Literal["update", "depth", "layer"]

LARGEST_WIDTH = 2**20  # of any part of a shadow; of a model in use, a tenth


@dataclass(frozen=True)
class ShadowConfig(Options):
    """The shadow itself: what is trained beside the frozen backbone (design: equations 1 to 9)."""

    sharing: Sharing = option(
        "update",
        group="shadow",
        help="what the blocks share: update: T and G, while each has an injection of its own; "
        "depth: the injection too, one module for all of them; layer: nothing",
    )
    rank: int = option(
        32,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="rank r of the injection down → up",
    )
    alpha: float = option(
        1.0,
        group="shadow",
        minimum=-1e4,
        maximum=1e4,
        help="strength α of the injected correction (usually 0.1 to 4.0)",
    )
    dropout: float = option(
        0.0, group="shadow", minimum=0.0, maximum=0.99, help="dropout on the discrepancy h − s"
    )
    update_hidden_size: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="hidden width of T and G (default: the rank)",
    )
    shadow: str = option(
        "mirror",
        group="shadow",
        kind="path",
        metavar="mirror|PATH|HUB_ID",
        help="shadow backbone: 'mirror' builds a small network of the backbone's architecture; "
        "a path or hub id takes a small model, or the shadow of an adapter (of this backbone or of "
        "another with the same tokens)",
    )
    shadow_layers: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_COUNT,
        help="layers of the mirror (default: 2, or 1 where the budget has no room)",
    )
    shadow_hidden_size: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="width of the mirror (default: the backbone's)",
    )
    shadow_intermediate_size: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="MLP width of the mirror (default: what the budget has room for)",
    )
    shadow_heads: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="attention heads of the mirror (default: what the budget has room for)",
    )
    shadow_kv_heads: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="key/value heads of the mirror "
        "(default: the backbone's, or fewer where --shadow-heads asks for it)",
    )
    shadow_head_dim: int | None = option(
        None,
        group="shadow",
        minimum=1,
        maximum=LARGEST_WIDTH,
        help="width of one attention head of the mirror (default: the backbone's)",
    )
    aux_weight: float = option(
        1.0,
        group="shadow",
        minimum=0.0,
        maximum=1e6,
        help="λ: weight of the shadow's own loss; larger makes the detached shadow better",
    )

    MIRROR_ONLY: typing.ClassVar[tuple[str, ...]] = (
        "shadow_layers",
        "shadow_hidden_size",
        "shadow_intermediate_size",
        "shadow_heads",
        "shadow_kv_heads",
        "shadow_head_dim",
    )

    @classmethod
    def idle(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """Sizes of the mirror, where there is none."""
        found = super().idle(values)
        return found if values.get("shadow", "mirror") == "mirror" else found | {*cls.MIRROR_ONLY}

    @property
    def layers(self) -> int:
        """Layers of the mirror."""
        return self.shadow_layers or 2

    def cross_checks(self) -> list[str]:
        """An explicit shadow brings its own architecture."""
        problems = super().cross_checks()
        if self.shadow == "mirror":
            return problems
        return problems + [
            f"--{name.replace('_', '-')}: an explicit --shadow defines its own architecture; "
            "leave this flag out"
            for name in self.MIRROR_ONLY
            if getattr(self, name) != getattr(type(self), name)
        ]
