"""An explicit shadow: any small mlx-lm model, or a published projected shadow, as the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import _get_classes  # mlx-lm's only map from a config to its classes
from mlx_lm.utils import load_model as load_mlx_model

from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.errors import CheckpointError, ModelError
from shadow_mlx.files.writing import load_safetensors
from shadow_mlx.shadow.network import ShadowNetwork, in_float32

PROJECTED_MODEL_TYPE = "causal_lm_with_hidden_projection"


def load_explicit(folder: Path) -> ShadowNetwork:
    """Load the model in ``folder`` as a shadow network with float32 weights.

    Raises:
        ModelError: It is no mlx-lm model, is quantized, or its files are incomplete.
    """
    try:
        model_config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"--shadow {folder}: its config.json cannot be read: {error}") from error
    if model_config.get("model_type") == PROJECTED_MODEL_TYPE:
        return _load_projected(folder, model_config)
    try:
        model, loaded_config = load_mlx_model(folder)
    except (ValueError, FileNotFoundError, KeyError, TypeError) as error:
        raise ModelError(f"--shadow {folder}: not a model that mlx-lm loads: {error}") from error
    return in_float32(_network(find_decoder(model), loaded_config))


def build_explicit(model_config: Mapping[str, Any]) -> ShadowNetwork:
    """The same network without its weights, from the configuration that an adapter recorded."""
    return _network(_build(model_config), model_config)


def _network(
    decoder: Decoder,
    model_config: Mapping[str, Any],
    projection: Float[mx.array, "hidden shadow"] | None = None,
) -> ShadowNetwork:
    caches = len(make_prompt_cache(decoder.model))
    return ShadowNetwork(decoder, dict(model_config), caches, projection)


def _build(model_config: Mapping[str, Any]) -> Decoder:
    try:
        model_class, args_class = _get_classes(dict(model_config))
        model: nn.Module = model_class(args_class.from_dict(dict(model_config)))
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"the shadow's architecture cannot be built: {error}") from error
    return find_decoder(model)


def _load_projected(folder: Path, model_config: Mapping[str, Any]) -> ShadowNetwork:
    """``shadow_model.*`` with ``shadow_hidden_projection.weight`` ``[D, D_s]``."""
    inner_config = dict(model_config["shadow_model_config"])
    decoder = _build(inner_config)
    weights: dict[str, mx.array] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        weights.update(load_safetensors(file))
    projection = weights.get("shadow_hidden_projection.weight")
    if projection is None:
        raise CheckpointError(
            folder, ["shadow_hidden_projection.weight: expected a matrix, found no such tensor"]
        )
    prefix = "shadow_model."
    inner = {
        ".".join((*decoder.path, key.removeprefix(prefix))): value
        for key, value in weights.items()
        if key.startswith(prefix)
    }
    sanitize = getattr(decoder.model, "sanitize", None)
    if sanitize is not None:
        inner = sanitize(inner)
    inner_prefix = ".".join(decoder.path) + "."
    inner = {
        key.removeprefix(inner_prefix): value
        for key, value in inner.items()
        if key.startswith(inner_prefix)
    }
    try:
        decoder.inner.load_weights(list(inner.items()))
    except ValueError as error:
        raise CheckpointError(folder, str(error).splitlines()) from error
    return in_float32(_network(decoder, inner_config, projection))
