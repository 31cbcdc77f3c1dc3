"""A mirror that starts with copies of its backbone's blocks, cut to its own sizes.

Of an axis that is shorter in the mirror the first entries are taken, in every tensor alike: hidden
channels, heads (whose width stays) and MLP neurons then still belong together. What an
architecture keeps fused in one tensor (queries, keys and values; gate and up) cannot be cut so, and
keeps its random start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import mlx.core as mx
import mlx.nn as nn

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.wrapping import unwrapped
from shadow_mlx.shadow.network import ShadowBackbone

Which = Literal["even", "first", "last"]

FUSED = (
    "qkv_proj", "gate_up_proj", "query_key_value", "c_attn", "Wqkv", "in_proj", "in_proj_qkv",
    "qkv", "dense_h_to_4h",
)  # fmt: skip
"""Names of modules whose outputs are several things, one after the other."""


def copy_blocks(shadow: ShadowBackbone, backbone: Decoder, which: Which) -> list[str]:
    """Give a fresh mirror its backbone's weights, in float32.

    Args:
        shadow: The mirror; fed the backbone's embeddings.
        backbone: The decoder that it mirrors, quantized or not.
        which: Which of the backbone's blocks: spread evenly from the first to the last, the first
            ones, or the last ones.

    Returns:
        The names of the mirror's tensors that kept their random start.
    """
    own = shadow.decoder
    left: list[str] = []
    chosen = chosen_blocks(len(backbone.blocks), len(own.blocks), which)
    for number, (block, source) in enumerate(zip(own.blocks, chosen, strict=True)):
        similar = _similar(backbone.blocks, source, block)
        left += [f"block {number}: {name}" for name in _copy(block, similar)]
    for name, module in own.inner.children().items():  # the final norm
        if isinstance(module, nn.Module) and name != own.embedding_name:
            left += [f"{name}.{path}" for path in _copy(module, backbone.inner[name])]
    _hand_channels_through(shadow)
    return left


def chosen_blocks(of: int, count: int, which: Which) -> list[int]:
    """Which of ``of`` blocks, in the order of the mirror's ``count``."""
    if which == "first":
        return list(range(count))
    if which == "last":
        return list(range(of - count, of))
    return [round(i * (of - 1) / max(count - 1, 1)) for i in range(count)]


def _similar(blocks: list[nn.Module], wanted: int, block: nn.Module) -> nn.Module:
    """The block nearest to ``wanted`` with the mirror block's modules: layers are of kinds."""
    needed = {path for path, _ in block.named_modules()}
    order = sorted(range(len(blocks)), key=lambda i: abs(i - wanted))
    bare = [unwrapped(blocks[i]) for i in order]
    return next((one for one in bare if needed <= dict(one.named_modules()).keys()), bare[0])


def _copy(target: nn.Module, source: nn.Module) -> Iterator[str]:
    """Fill the tensors of ``target``; names those that have nothing to be filled with."""
    sources = dict(source.named_modules())
    for path, module in target.named_modules():
        for name, array in list(module.items()):
            if not isinstance(array, mx.array) or name.startswith("_"):
                continue
            value = _wide(sources[path], name) if path in sources else None
            if value is None or not _can_be_cut(path, value.shape, array.shape):
                yield f"{path}.{name}"
            else:
                module[name] = value[tuple(slice(0, size) for size in array.shape)]


def _wide(module: nn.Module, name: str) -> mx.array | None:
    """A tensor of the backbone in float32, whatever it is kept in."""
    value = module.get(name)
    if not isinstance(value, mx.array):
        return None
    if name == "weight" and "scales" in module:
        value = mx.dequantize(
            value,
            module["scales"],
            module.get("biases"),
            group_size=module.group_size,
            bits=module.bits,
            mode=module.mode,
        )
    return value.astype(mx.float32)


def _can_be_cut(path: str, found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether the first entries of each axis mean in the mirror what they mean in the backbone."""
    if len(found) != len(wanted) or any(a < b for a, b in zip(found, wanted, strict=True)):
        return False
    return tuple(found) == tuple(wanted) or path.rpartition(".")[2] not in FUSED


def _hand_channels_through(shadow: ShadowBackbone) -> None:
    """Where the widths differ, the first channels of the embeddings come in and go out as such."""
    for projection in (shadow.decoder.embedding.get("projection"), shadow.get("projection")):
        if projection is not None:
            projection.weight = mx.eye(*projection.weight.shape)
