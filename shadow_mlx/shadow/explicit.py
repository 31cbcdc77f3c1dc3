"""An explicit shadow: any small mlx-lm model, or a published projected shadow, as the network.

Shapes: ``V`` tokens, ``D`` backbone width, ``D_s`` shadow width.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from mlx.utils import tree_flatten
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import _get_classes  # mlx-lm's only map from a config to its classes
from mlx_lm.utils import load_model as load_mlx_model

from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.keys import Tensors, family_of
from shadow_mlx.errors import CheckpointError, ModelError
from shadow_mlx.files.writing import load_safetensors
from shadow_mlx.shadow.first_blocks import CANNOT_COMPUTE, first_blocks
from shadow_mlx.shadow.network import ShadowNetwork, in_float32

PROJECTED_MODEL_TYPE = "causal_lm_with_hidden_projection"

INNER_CONFIG = "shadow_model_config"
INNER = "shadow_model."
PROJECTION = "shadow_hidden_projection.weight"  # [D, D_s]
HEAD = "lm_head.weight"  # [V, D]
"""Names in a published projected shadow: its network's settings, and its tensors."""

COMPUTING = "shadow_mlx_blocks"
"""In a network's configuration: how many of its blocks compute, the first ones (see
:mod:`.first_blocks`). Other programs know no such setting."""


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
    """The same network without its weights, from the configuration that an adapter recorded.

    Raises:
        ModelError: Its architecture cannot be built.
        ConfigError: So many of its blocks cannot do without the others.
    """
    decoder = _build(model_config)
    count = model_config.get(COMPUTING)
    if count is None:
        return _network(decoder, model_config)
    most = len(decoder.blocks)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= most:
        raise ModelError(
            f"the shadow's {COMPUTING}: expected a number from 1 to its {most} blocks, "
            f"found {count!r}"
        )
    try:
        decoder, caches = first_blocks(decoder.model, count)
    except CANNOT_COMPUTE as error:
        raise ModelError(f"the shadow's architecture cannot be built: {error}") from error
    return ShadowNetwork(decoder, dict(model_config), caches)


def _network(
    decoder: Decoder,
    model_config: Mapping[str, Any],
    projection: Float[mx.array, "hidden shadow"] | None = None,
    head: npt.NDArray[np.float32] | None = None,
) -> ShadowNetwork:
    caches = len(make_prompt_cache(decoder.model))
    return ShadowNetwork(decoder, dict(model_config), caches, projection, head)


def _build(model_config: Mapping[str, Any]) -> Decoder:
    try:
        model_class, args_class = _get_classes(dict(model_config))
        model: nn.Module = model_class(args_class.from_dict(dict(model_config)))
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"the shadow's architecture cannot be built: {error}") from error
    return find_decoder(model)


def _load_projected(folder: Path, model_config: Mapping[str, Any]) -> ShadowNetwork:
    """``shadow_model.*`` with ``shadow_hidden_projection.weight`` ``[D, D_s]``.

    Its names are transformers', those of the decoder alone.
    """
    inner_config = dict(model_config[INNER_CONFIG])
    decoder = _build(inner_config)
    decoder.drop_own_head()  # the backbone has one
    weights: dict[str, mx.array] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        weights.update(load_safetensors(file))
    projection = weights.get(PROJECTION)
    if projection is None:
        raise CheckpointError(folder, [f"{PROJECTION}: expected a matrix, found no such tensor"])
    published = {
        key.removeprefix(INNER): value for key, value in weights.items() if key.startswith(INNER)
    }
    try:
        decoder.inner.load_weights(list(_as_ours(decoder, inner_config, published).items()))
    except ValueError as error:
        raise CheckpointError(folder, str(error).splitlines()) from error
    head = _said_by(weights.get(HEAD), projection)
    return in_float32(_network(decoder, inner_config, projection, head))


def _as_ours(
    decoder: Decoder, model_config: Mapping[str, Any], published: Tensors
) -> dict[str, mx.array]:
    """A decoder's tensors as mlx-lm has them, of those that transformers has.

    Its present names are known for some families; mlx-lm itself reads those of many checkpoints,
    older ones too.
    """
    family = family_of(str(model_config.get("model_type")))
    if family is not None:
        ours = family.inward(published)
        expected = {n: value.shape for n, value in tree_flatten(decoder.inner.parameters())}
        if {name: value.shape for name, value in ours.items()} == expected:
            return ours
    prefix = ".".join(decoder.path) + "."
    named = {prefix + name: value for name, value in published.items()}
    sanitize = getattr(decoder.model, "sanitize", None)
    if sanitize is not None:
        named = sanitize(named)
    return {k.removeprefix(prefix): v for k, v in named.items() if k.startswith(prefix)}


def _said_by(head: mx.array | None, projection: mx.array) -> npt.NDArray[np.float32] | None:
    """``H·P`` ``[V, D_s]``; ``None`` where a checkpoint has no head that says anything."""
    if head is None or head.ndim != 2 or head.shape[1] != projection.shape[0]:
        return None
    joined = np.array(head.astype(mx.float32) @ projection.astype(mx.float32))
    return joined if joined.any() else None
