"""An attached model's trained tensors under the names that PEFT gives them, and back.

Shapes: ``D`` backbone width, ``D_s`` shadow width, ``r`` rank, ``u`` update width, ``V`` tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from shadow_mlx.backbones.keys import Family
from shadow_mlx.config.shadow import Sharing
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.network import SharedEmbedding

BACKBONE = "base_model.shadow_backbone.default."
PROJECTION = "base_model.shadow_projection.default.weight"  # [D, D_s]
NARROWING = "shadow_mlx.embedding_projection.weight"  # [D_s, D]; PEFT passes over what it
# does not know, and finds the product of embeddings and narrowing where it has its own table

_PARTS = {
    "down.weight": "shadow_down.default.weight",  # [r, D]
    "up.weight": "shadow_up.default.weight",  # [D, r]
    **{
        f"{ours}.{layer}.{kind}": f"shadow_update_{ours}.default.{index}.{kind}"
        for ours in ("transform", "gate")
        for layer, index in (("first", 0), ("second", 2))  # [u, D], [D, u], and biases
        for kind in ("weight", "bias")
    },
}
_BLOCK_KEY = re.compile(r"base_model\.model\.(.+)\.(\d+)\.(shadow_\w+\.default\..+)")
_TABLE_ROWS = 4096  # of the table that are computed at once


def block_path(model: AttachedModel, family: Family | None) -> str:
    """Path of the backbone's blocks: in transformers' model, or else in mlx-lm's."""
    decoder = model.decoder
    return family.blocks if family else ".".join((*decoder.path, *decoder.blocks_path))


def adapter_tensors(
    model: AttachedModel, blocks: str, family: Family | None, *, table: bool = True
) -> dict[str, mx.array]:
    """Everything that is saved, not yet evaluated but for the table.

    Args:
        model: The model; what its blocks share is written under each of them, in equal copies.
        blocks: Path of the backbone's blocks.
        family: The shadow network's family, or ``None`` for mlx-lm's own names.
        table: Whether the table ``E·Wᵀ`` is computed, or stands as zeros (for its shape alone).
    """
    found: dict[str, mx.array] = {}
    for index, layer in enumerate(model.shadow.for_blocks(len(model.layers))):
        rule = layer.rule.module
        parts = {"down": layer.down, "up": layer.up, "transform": rule.transform, "gate": rule.gate}
        values = dict(tree_flatten({name: part.parameters() for name, part in parts.items()}))
        for ours, theirs in _PARTS.items():
            found[f"base_model.model.{blocks}.{index}.{theirs}"] = values[ours]
    inner = dict(tree_flatten(model.shadow.backbone.inner.parameters()))
    narrowing = inner.pop(f"{_embedding(model)}.projection.weight", None)
    outward = family.outward(inner) if family else inner
    found |= {BACKBONE + name: value for name, value in outward.items()}
    if narrowing is not None:
        found[NARROWING] = narrowing
        found[table_key(model)] = _table(model) if table else _table_shape(model, narrowing)
    if "projection" in model.shadow.backbone:
        found[PROJECTION] = model.shadow.backbone.projection.weight
    return {name: value.astype(mx.float32) for name, value in found.items()}


def table_key(model: AttachedModel) -> str:
    """Where PEFT keeps the shadow's token embeddings ``[V, D_s]``."""
    return f"{BACKBONE}{_embedding(model)}.weight"


def shares_embeddings(model: AttachedModel) -> bool:
    """Whether the shadow is fed the backbone's embeddings."""
    return isinstance(model.shadow.backbone.decoder.embedding, SharedEmbedding)


def assign(model: AttachedModel, tensors: Mapping[str, mx.array], family: Family | None) -> None:
    """Put checked tensors (names as :func:`adapter_tensors` has them) into the model, float32."""
    wide = {name: value.astype(mx.float32) for name, value in tensors.items()}
    layers = model.shadow.layers
    for name, value in wide.items():
        if not (match := _BLOCK_KEY.fullmatch(name)):
            continue
        index, part = int(match[2]), match[3]
        ours = next(ours for ours, theirs in _PARTS.items() if theirs == part)
        if index < len(layers) and ours.partition(".")[0] in layers[index]:
            layers[index].update(tree_unflatten([(ours, value)]))
    inner = {
        name.removeprefix(BACKBONE): value
        for name, value in wide.items()
        if name.startswith(BACKBONE) and not (name == table_key(model) and shares_embeddings(model))
    }
    inner = family.inward(inner) if family else inner
    if NARROWING in wide:
        inner[f"{_embedding(model)}.projection.weight"] = wide[NARROWING]
    model.shadow.backbone.inner.update(tree_unflatten(list(inner.items())))
    if PROJECTION in wide:
        model.shadow.backbone.projection.weight = wide[PROJECTION]


def blocks_in(names: Iterable[str]) -> dict[str, set[int]]:
    """The paths of blocks in a file's names, each with the indices that it has tensors for."""
    found: dict[str, set[int]] = {}
    for name in names:
        if match := _BLOCK_KEY.fullmatch(name):
            found.setdefault(match[1], set()).add(int(match[2]))
    return found


def copies_of(name: str, count: int, sharing: Sharing) -> list[str]:
    """The names of a tensor of block 0 under the blocks that share it; none for other tensors."""
    match = _BLOCK_KEY.fullmatch(name)
    if not match or match[2] != "0" or not is_shared(match[3], sharing):
        return []
    return [f"base_model.model.{match[1]}.{index}.{match[3]}" for index in range(1, count)]


def is_shared(part: str, sharing: Sharing) -> bool:
    """Whether blocks share the tensor of PEFT's name ``part`` (``shadow_up.default.weight`` …)."""
    return sharing == "depth" or (sharing == "update" and part.startswith("shadow_update_"))


def _embedding(model: AttachedModel) -> str:
    return model.shadow.backbone.decoder.embedding_name


def _table(model: AttachedModel) -> mx.array:
    """``E·Wᵀ`` ``[V, D_s]``, some rows at a time: a dequantized ``E`` is large."""
    embedding = model.shadow.backbone.decoder.embedding
    narrowing = embedding.projection.weight.astype(mx.float32)
    rows = embedding.table.module.weight.shape[0]
    chunks = []
    for start in range(0, rows, _TABLE_ROWS):
        ids = mx.arange(start, min(start + _TABLE_ROWS, rows))
        chunk = embedding.table.module(ids).astype(mx.float32) @ narrowing.T
        mx.eval(chunk)
        chunks.append(chunk)
    return mx.concatenate(chunks)


def _table_shape(model: AttachedModel, narrowing: mx.array) -> mx.array:
    rows = model.shadow.backbone.decoder.embedding.table.module.weight.shape[0]
    return mx.zeros((rows, narrowing.shape[0]))
