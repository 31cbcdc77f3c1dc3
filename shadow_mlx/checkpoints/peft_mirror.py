"""The mirror that PEFT builds for a backbone, and whether ours is the same network.

PEFT's configuration can set the mirror's depth, width, MLP width and heads; its key/value heads
and, in most architectures, its head width remain the backbone's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.keys import Family, family_of
from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.explicit import COMPUTING
from shadow_mlx.shadow.mirror import mirror_model_config


@dataclass(frozen=True)
class AttentionSizes:
    """Sizes that a decoder declares, under the names that PEFT looks for; ``None`` if it does not.

    Attributes:
        hidden_size: Width of the residual stream.
        heads: Attention heads.
        kv_heads: Key/value heads.
        head_dim: Width of one head.
    """

    hidden_size: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None


def attention_sizes(decoder: Decoder) -> AttentionSizes:
    """The sizes of a decoder as its architecture declares them."""
    declared = decoder.arguments

    def value(*names: str) -> int | None:
        return next((declared[name] for name in names if isinstance(declared.get(name), int)), None)

    return AttentionSizes(
        hidden_size=value("hidden_size", "n_embd", "d_model"),
        heads=value("num_attention_heads", "n_head", "num_heads"),
        kv_heads=value("num_key_value_heads"),
        head_dim=value("head_dim"),
    )


def foreign_mirror_config(
    backbone: Decoder, backbone_config: Mapping[str, Any], config: ShadowConfig
) -> dict[str, Any]:
    """mlx-lm's configuration of the mirror that PEFT, or the original package, makes of options.

    The original package can set KV heads and head width too; in PEFT's files they are never set.

    Raises:
        ConfigError: The options do not fit the backbone.
    """
    kept = dataclasses.replace(
        config,
        shadow_kv_heads=config.shadow_kv_heads
        or (_kept_kv_heads(backbone, backbone_config) if config.shadow_heads else None),
        shadow_head_dim=config.shadow_head_dim or _kept_head_dim(backbone, backbone_config),
    )
    return mirror_model_config(backbone, backbone_config, kept)


def has_own_table(backbone: Decoder, config: ShadowConfig, share_embeddings: bool) -> bool:
    """Whether PEFT gives the mirror token embeddings of its own."""
    width = attention_sizes(backbone).hidden_size
    return not share_embeddings or config.shadow_hidden_size not in (None, width)


def why_not_for_peft(
    model: AttachedModel, backbone_config: Mapping[str, Any], family: Family | None
) -> str | None:
    """Why PEFT cannot open an adapter of this model; ``None`` when it can."""
    if family is None:
        return "the names of its tensors in transformers are not known to shadow-mlx"
    if COMPUTING in model.shadow.backbone.model_config:
        return (
            "its shadow came from an adapter of another backbone, and PEFT takes one from a "
            "model's folder: shadow-mlx export --to projected writes such a folder"
        )
    if model.config.shadow != "mirror":
        return None
    ours = attention_sizes(model.shadow.backbone.decoder)
    kept = _kept_kv_heads(model.decoder, backbone_config)
    if kept is not None and ours.kv_heads != kept:
        return (
            f"its shadow has {ours.kv_heads} key/value heads, and PEFT's mirror keeps the "
            f"backbone's {kept}"
        )
    if family.mlp_follows_width and ours.hidden_size != attention_sizes(model.decoder).hidden_size:
        return "its MLP follows the shadow's width, and PEFT's mirror keeps the backbone's MLP"
    own = ours.head_dim or (ours.hidden_size or 0) // (ours.heads or 1)
    kept = _kept_head_dim(model.decoder, backbone_config)
    if kept is not None and own != kept:
        return f"its shadow's heads are {own} wide, and PEFT's mirror keeps the backbone's {kept}"
    return None


def _kept_kv_heads(backbone: Decoder, backbone_config: Mapping[str, Any]) -> int | None:
    """The backbone's KV heads; ``None`` where its architecture in transformers has no such thing.

    mlx-lm declares them for GPT-2 too, as many as heads.
    """
    part = backbone_config.get("text_config", backbone_config)
    return attention_sizes(backbone).kv_heads if "num_key_value_heads" in part else None


def _kept_head_dim(backbone: Decoder, backbone_config: Mapping[str, Any]) -> int | None:
    """The head width that transformers keeps whatever the mirror's width, or ``None``."""
    sizes = attention_sizes(backbone)
    family = family_of(str(backbone_config.get("model_type")))
    if sizes.head_dim or not (family and family.fills_head_dim):
        return sizes.head_dim
    return (sizes.hidden_size or 0) // (sizes.heads or 1)
