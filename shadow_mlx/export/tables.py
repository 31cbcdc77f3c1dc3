"""Embeddings and heads as plain matrices, with the shadow's projections folded into them.

Shapes: ``V`` tokens, ``D`` backbone width, ``D_s`` shadow width. The shadow reads ``E·Wᵀ`` where it
is narrower (``E`` ``[V, D]``, ``W`` ``[D_s, D]``), and its head is ``H·P`` (``H`` ``[V, D]``, ``P``
``[D, D_s]``): ``head(P·s) = (H·P)·s``.
"""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.network import SharedEmbedding

_ROWS = 4096  # that are computed at once: a dequantized table is large


def dense(module: nn.Module, *, in_products: bool = False) -> mx.array:
    """The matrix of an embedding or a linear module, dequantized if it is quantized.

    Args:
        module: The module.
        in_products: As it stands in products, in float32. A lookup of a row rounds it.
    """
    if "scales" not in module:
        weight: mx.array = module.weight
        return weight
    scales, biases = module.scales, module.get("biases")
    if in_products and biases is not None:  # affine; the other modes' scales are bytes
        scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
    return mx.dequantize(
        module.weight,
        scales,
        biases,
        module.group_size,
        module.bits,
        module.mode,
    )


def narrowing(detached: DetachedModel) -> mx.array | None:
    """``W`` ``[D_s, D]``, through which a narrower mirror reads the backbone's embeddings."""
    table = detached.shadow.decoder.embedding
    if isinstance(table, SharedEmbedding) and "projection" in table:
        weight: mx.array = table.projection.weight
        return weight
    return None


def table(detached: DetachedModel) -> nn.Module:
    """The module whose rows the shadow reads: the backbone's table, or an explicit shadow's own."""
    own = detached.shadow.decoder.embedding
    return detached.embedding if isinstance(own, SharedEmbedding) else own


def multiplied(matrix: mx.array, factor: mx.array, dtype: mx.Dtype) -> mx.array:
    """``matrix · factor`` in float32, some rows at a time, in ``dtype``."""
    wide = factor.astype(mx.float32)
    chunks = []
    for start in range(0, matrix.shape[0], _ROWS):
        chunk = matrix[start : start + _ROWS].astype(mx.float32) @ wide
        chunks.append(chunk.astype(dtype))
        mx.eval(chunks[-1])
    return mx.concatenate(chunks)


def head_modules(detached: DetachedModel) -> dict[str, nn.Module]:
    """What the backbone has behind its decoder, by its path in the model; empty where it is tied.

    A head inside the decoder (GPT-NeoX) has the path that the decoder has in the model.
    """
    return dict(_leaves(detached.head_view.view))


def _leaves(view: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in view.named_modules():
        if name and not module.children() and tree_flatten(module.parameters()):
            yield name, module
