"""Quantized weights in an exported model: those that the backbone brought, and those asked for."""

from __future__ import annotations

from typing import Any

import mlx.nn as nn
from mlx.utils import tree_unflatten

from shadow_mlx.export.tables import dense


def dequantized(model: nn.Module) -> None:
    """Plain weights in place of those that the backbone's table and head brought."""
    plain: list[tuple[str, nn.Module]] = []
    for name, module in model.named_modules():
        if "scales" not in module:
            continue
        weight = dense(module)
        rows, width = weight.shape
        fresh: nn.Module
        if isinstance(module, nn.QuantizedEmbedding):
            fresh = nn.Embedding(rows, width)
        else:
            fresh = nn.Linear(width, rows, bias="bias" in module)
            if "bias" in module:
                fresh.bias = module.bias
        fresh.weight = weight
        plain.append((name, fresh))
    model.update_modules(tree_unflatten(plain))


def quantized(model: nn.Module, bits: int, group_size: int) -> None:
    """Quantize whatever an architecture allows and a group fits into, as mlx_lm.convert does."""
    chosen = getattr(model, "quant_predicate", None)

    def predicate(path: str, module: nn.Module) -> Any:
        if not hasattr(module, "to_quantized") or module.weight.shape[-1] % group_size:
            return False
        return True if chosen is None else chosen(path, module)

    nn.quantize(model, group_size, bits, class_predicate=predicate)


def recorded(model: nn.Module) -> dict[str, Any]:
    """``quantization`` for ``config.json``, as mlx-lm reads it; empty for a plain model.

    What most modules have stands at the top, and by its path what another has.
    """
    found = {
        name: {"group_size": m.group_size, "bits": m.bits, "mode": m.mode}
        for name, m in model.named_modules()
        if "scales" in m
    }
    if not found:
        return {}
    kinds = list(found.values())
    usual = max(kinds, key=kinds.count)
    value = {**usual, **{name: kind for name, kind in found.items() if kind != usual}}
    return {"quantization": value, "quantization_config": value}
