"""A backbone from its ``config.json`` alone: every shape and dtype, and no weight.

The arrays are random and never evaluated, so that a model of any size takes no memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map_with_path
from mlx_lm.utils import _get_classes  # mlx-lm's only map from a config to its classes

from shadow_mlx.backbones.folder import is_model, read_model_config
from shadow_mlx.errors import ModelError

# The names under which files keep weights in fewer bits, and what mlx-lm makes of them.
_METHODS: dict[str, dict[str, Any]] = {
    "mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
    "mxfp8": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
}


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """The ``config.json`` of a model's folder; ``name`` is what the user called the model.

    Raises:
        ModelError: It is missing or not usable.
    """
    if not is_model(folder):
        raise ModelError(f"{name}: its config.json cannot be read: there is none in {folder}")
    config = read_model_config(folder, name)
    if "model_type" not in config:
        raise ModelError(f"{name}: its config.json names no model_type")
    return config


def build_backbone(config: Mapping[str, Any], name: str) -> nn.Module:
    """The model that mlx-lm would load, its arrays unevaluated.

    Raises:
        ModelError: mlx-lm does not know it, its configuration is incomplete, or its weights are
            quantized in a way that the configuration does not tell.
    """
    own = json.loads(json.dumps(config))  # mlx-lm's argument classes write into nested parts
    try:
        model_class, args_class = _get_classes(own)
        model: nn.Module = model_class(args_class.from_dict(own))
        _set_dtype(model, own)
        _quantize(model, own)
    except (
        ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError,
        RuntimeError, NameError, ImportError,
    ) as error:  # fmt: skip
        why = str(error) or "its settings do not fit each other"
        raise ModelError(f"{name}: its config.json cannot be used: {why}") from error
    return model


def _set_dtype(model: nn.Module, config: Mapping[str, Any]) -> None:
    named = _setting(config, "dtype") or _setting(config, "torch_dtype") or "float32"
    dtype = getattr(mx, str(named).removeprefix("torch."), None)
    if not isinstance(dtype, mx.Dtype):
        raise ValueError(f"unknown dtype {named}")
    may_cast = getattr(model, "cast_predicate", None)

    def cast(path: str, weight: mx.array) -> mx.array:
        if not mx.issubdtype(weight.dtype, mx.floating) or (may_cast and not may_cast(path)):
            return weight
        return weight.astype(dtype)

    model.update(tree_map_with_path(cast, model.parameters()))


def _quantize(model: nn.Module, config: Mapping[str, Any]) -> None:
    settings = config.get("quantization") or _from_method(_setting(config, "quantization_config"))
    if settings is None:
        return
    group = settings["group_size"]

    def chosen(path: str, module: nn.Module) -> Any:
        if path in settings:
            return settings[path]
        return hasattr(module, "to_quantized") and module.weight.shape[-1] % group == 0

    nn.quantize(
        model,
        group_size=group,
        bits=settings["bits"],
        mode=settings.get("mode", "affine"),
        class_predicate=chosen,
    )


def _from_method(found: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if not found:
        return None
    if "bits" in found and "group_size" in found:
        return found
    method = found.get("quant_method")
    if method not in _METHODS:
        raise ValueError(f"quantization by {method} cannot be told from the configuration")
    return _METHODS[method]


def _setting(config: Mapping[str, Any], name: str) -> Any:
    """A setting, which may stand in the part that describes the text model."""
    part = config.get("text_config")
    return config.get(name) or (part.get(name) if isinstance(part, dict) else None)
