"""The mirror: a small network of the backbone's own architecture, with a random start.

It is a fresh model of the backbone's class at the backbone's full depth, of which the first blocks
compute (:mod:`.first_blocks`).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.first_blocks import CANNOT_COMPUTE, first_blocks
from shadow_mlx.shadow.network import ShadowNetwork

HIDDEN_SIZE = ("hidden_size", "n_embd", "d_model", "model_dim")
INTERMEDIATE_SIZE = ("intermediate_size", "n_inner", "ffn_hidden_size")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
KV_HEADS = ("num_key_value_heads", "n_kv_heads", "num_kv_heads", "num_attention_groups")
HEAD_DIM = ("head_dim", "hidden_size_per_head")
_WIDTHS = {
    "shadow_hidden_size": HIDDEN_SIZE,
    "shadow_intermediate_size": INTERMEDIATE_SIZE,
    "shadow_heads": HEADS,
    "shadow_kv_heads": KV_HEADS,
    "shadow_head_dim": HEAD_DIM,
}
# Settings that say the same again: LFM 2's width of an MLP's input, the width of an expert …
_FOLLOWERS = {
    "shadow_hidden_size": ("block_dim",),
    "shadow_intermediate_size": (
        "moe_intermediate_size",
        "expert_ffn_hidden_size",
        "intermediate_size_mlp",
    ),
}


def new_mirror(
    backbone: Decoder, backbone_config: Mapping[str, Any], config: ShadowConfig
) -> ShadowNetwork:
    """A mirror with the options' widths.

    Raises:
        ConfigError: A width cannot be set for this architecture, has no effect on the mirror's
            layers, or the widths do not fit each other.
    """
    layers = config.layers
    network = build_mirror(backbone, mirror_model_config(backbone, backbone_config, config), layers)
    kind = _kind(network.decoder)
    for option in _WIDTHS:
        if getattr(config, option) is None:
            continue
        unset: dict[str, Any] = {option: None}
        try:
            without = mirror_model_config(backbone, backbone_config, replace(config, **unset))
            same = _kind(build_mirror(backbone, without, layers).decoder) == kind
        except ConfigError:
            continue  # needed, so it has an effect
        if same and without != network.model_config:
            raise ConfigError(
                f"{_flag(option)}: has no effect on {layers} layer(s) of {backbone.name}"
            )
    return network


def mirror_model_config(
    backbone: Decoder, backbone_config: Mapping[str, Any], config: ShadowConfig
) -> dict[str, Any]:
    """The backbone's configuration with the mirror's widths, at the backbone's full depth.

    Raises:
        ConfigError: A width cannot be set for this architecture, or the widths do not fit.
    """
    mirrored = copy.deepcopy(dict(backbone_config))
    mirrored.pop("quantization", None)
    mirrored.pop("quantization_config", None)
    part = mirrored.get("text_config", mirrored)
    declared = backbone.arguments or part
    problems = []
    for option, names in _WIDTHS.items():
        value = getattr(config, option)
        if value is None:
            continue
        key = next((n for n in names if n in declared and not _by_layer(declared[n])), None)
        if key is None:
            which = " or ".join(names)
            problems.append(f"{_flag(option)}: {backbone.name} has no such setting ({which})")
            continue
        listed = declared[key]
        part[key] = [value] * len(listed) if isinstance(listed, list) else value
        part |= {name: value for name in _FOLLOWERS.get(option, ()) if declared.get(name)}
    _keep_head_width(part, declared)
    problems += _fit_heads(part, declared, config)
    if problems:
        raise ConfigError("\n".join(problems))
    return mirrored


def _keep_head_width(part: dict[str, Any], declared: Mapping[str, Any]) -> None:
    """Say what an unset head width is in the backbone, so that it does not follow the mirror's."""
    key = next((name for name in HEAD_DIM if name in declared), None)
    hidden, heads = declared_size(declared, HIDDEN_SIZE), declared_size(declared, HEADS)
    if key and hidden and heads and not declared[key] and not part.get(key):
        part[key] = hidden // heads


def _fit_heads(
    part: dict[str, Any], declared: Mapping[str, Any], config: ShadowConfig
) -> list[str]:
    """Shrink the KV heads with the heads unless told otherwise; name what does not divide."""
    now = {name: part.get(name, value) for name, value in declared.items()}
    heads, kv_heads = declared_size(now, HEADS), declared_size(now, KV_HEADS)
    problems = []
    if heads and kv_heads and heads % kv_heads:
        if config.shadow_kv_heads is not None or config.shadow_heads is None:
            problems.append(
                f"--shadow-heads {heads} is not a multiple of the {kv_heads} key/value heads"
            )
        else:
            fitting = max(n for n in range(1, kv_heads + 1) if heads % n == 0)
            part[next(name for name in KV_HEADS if name in declared)] = fitting
    hidden = declared_size(now, HIDDEN_SIZE)
    if hidden and heads and not declared_size(now, HEAD_DIM) and hidden % heads:
        problems.append(
            f"the shadow's width {hidden} is not a multiple of its {heads} heads; "
            "set --shadow-heads or --shadow-head-dim"
        )
    return problems


def build_mirror(backbone: Decoder, model_config: Mapping[str, Any], layers: int) -> ShadowNetwork:
    """The first ``layers`` blocks of a fresh model of the backbone's own class.

    Raises:
        ConfigError: More layers than the backbone has, fewer than its positions need, or the class
            refuses the configuration.
    """
    if layers > len(backbone.blocks):
        raise ConfigError(
            f"--shadow-layers {layers}: the mirror cannot be deeper than its backbone "
            f"({len(backbone.blocks)} layers)"
        )
    model_class = type(backbone.model)
    arguments = getattr(backbone.model, "args", None)  # a few models keep none
    args_class = type(arguments) if arguments else sys.modules[model_class.__module__].ModelArgs
    try:
        # mlx-lm's argument classes write into nested dictionaries, hence the copy
        model = model_class(args_class.from_dict(copy.deepcopy(dict(model_config))))
        decoder, caches = first_blocks(model, layers)
    except CANNOT_COMPUTE as error:
        raise ConfigError(
            f"the mirror of {backbone.name} cannot be built with these settings: {error} "
            "(its width, heads and head dim may have to change together)"
        ) from error
    part = model_config.get("text_config", model_config)
    _initialize(decoder.inner, float(part.get("initializer_range") or 0.02))
    return ShadowNetwork(decoder, dict(model_config), caches)


def _initialize(inner: nn.Module, scale: float) -> None:
    """Matrices from N(0, scale²), biases zero; what is neither keeps its class's own start."""
    for _, module in inner.named_modules():
        weight = module.get("weight")
        if weight is None or weight.ndim < 2:  # norms keep their ones
            continue
        module.weight = mx.random.normal(weight.shape, scale=scale)
        if "bias" in module:
            module.bias = mx.zeros_like(module.bias)


def _kind(decoder: Decoder) -> list[Any]:
    """What tells two mirrors apart without their weights: shapes and plain attributes."""
    found: list[Any] = []
    for block in decoder.blocks:
        found += [(name, value.shape) for name, value in tree_flatten(block.parameters())]
        for path, module in block.named_modules():
            plain = {
                k: v for k, v in vars(module).items() if isinstance(v, (bool, int, float, str))
            }
            found.append((path, plain))
    return found


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def declared_size(settings: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """A size under the first of its names that is set; ``None`` without one."""
    value = next((settings[name] for name in names if settings.get(name)), None)
    if isinstance(value, list) and not _by_layer(value):
        value = value[0]
    return value if isinstance(value, int) else None


def _by_layer(value: Any) -> bool:
    """Whether a setting is a list that differs from layer to layer: it keeps its own counsel."""
    return isinstance(value, list) and (not value or any(one != value[0] for one in value))
