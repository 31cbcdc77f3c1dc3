"""The detached model as a model of mlx-lm's own: nothing of it needs this program.

It is a fresh model of the shadow's architecture with as many blocks as the shadow has. Where the
architecture's loop looks at a block beyond those (for the kind of its mask, say), blocks of zeros
are added, which hand their input through. Whether the model computes what the detached one
computes is not derived but tried, so that what cannot be expressed is refused.

Shapes: ``V`` tokens, ``D`` backbone width, ``D_s`` shadow width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map, tree_unflatten
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import _get_classes  # mlx-lm's only map from a config to its classes

from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.backbones.trial import relative_error
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.export import tables
from shadow_mlx.export.shape import shape_config
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.network import Borrowed, ShadowBackbone, SharedEmbedding, embedding_width

TOKENS = 24
"""On so many tokens the two models are compared."""

MOST_ADDED = 7
"""Blocks of zeros that may be added: for Gemma's pattern of six blocks four, for Jamba's six."""

STEADY = 1e-4
"""So near to 1, over all tokens together, comes the ratio of two equal heads in any precision."""

_OWN_HEAD = "own_head"  # its name in HeadView
FAILURES = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError,
    RuntimeError,
)  # fmt: skip


class _CannotBeSaidError(Exception):
    """Why a shadow is no model of its architecture, whatever the number of blocks."""


@dataclass(frozen=True)
class Standalone:
    """A model that computes what the detached one does.

    Attributes:
        model: The mlx-lm model, in evaluation mode.
        config: Its ``config.json``.
        added: Blocks of zeros behind the shadow's own.
        own_head: Whether its head is a matrix of its own where the backbone's is its table.
    """

    model: nn.Module
    config: dict[str, Any]
    added: int
    own_head: bool


def standalone(detached: DetachedModel) -> Standalone:
    """Build the model; the arrays that both have are shared.

    Raises:
        UnsupportedArchitectureError: The architecture cannot say what the shadow computes; says
            why, and what can be done.
    """
    shadow = detached.shadow
    dtype = shadow.state_dtype
    if dtype == mx.float32 or not _has_own_head(detached):
        return _tried(detached)
    with _in_float32(shadow):  # products are rounded otherwise than what they are made of
        blocks = len(shadow.decoder.blocks) + _tried(detached).added
    return _made(detached, blocks, depth_of(shadow.decoder))


def _tried(detached: DetachedModel) -> Standalone:
    """The model of the fewest blocks that answers as the detached one does."""
    decoder = detached.shadow.decoder
    shadow_blocks, depth = len(decoder.blocks), depth_of(decoder)
    reason = ""
    for blocks in range(shadow_blocks, min(depth, shadow_blocks + MOST_ADDED) + 1):
        try:
            made = _made(detached, blocks, depth)
            apart = difference(detached, made.model)
        except _CannotBeSaidError as error:
            reason = str(error)
            break
        except FAILURES as error:
            reason = reason or str(error).strip().partition("\n")[0] or type(error).__name__
            continue
        if apart <= (2e-5 if detached.shadow.state_dtype == mx.float32 else 3e-2):
            return made
        reason = f"a model of {blocks} blocks gives other answers (logits {apart:.1g} apart)"
    raise UnsupportedArchitectureError(
        f"the detached shadow is no plain model of mlx-lm's {decoder.name}: {reason}. It works "
        "with shadow-mlx, as before (shadow-mlx chat --detached)"
    )


@contextmanager
def _in_float32(shadow: ShadowBackbone) -> Iterator[None]:
    """Compute in float32 meanwhile; nothing is lost on the way back."""
    dtype = shadow.state_dtype
    shadow.cast(mx.float32)
    shadow.state_dtype = mx.float32
    try:
        yield
    finally:
        shadow.cast(dtype)
        shadow.state_dtype = dtype


def difference(
    detached: DetachedModel, model: nn.Module, kept: Sequence[int] | None = None
) -> float:
    """The root mean square of the logits' differences, relative to that of the logits.

    Infinite where they are no numbers.

    Args:
        detached: What is expected.
        model: What is compared.
        kept: Where ``model`` knows a part of the tokens, their numbers in the detached model.
    """
    known = mx.arange(detached.embedding.weight.shape[0]) if kept is None else mx.array(list(kept))
    inputs = mx.arange(TOKENS) * 7919 % known.size  # a prime: far apart, the same each time
    expected = detached(known[inputs][None])[..., known].astype(mx.float32)
    cache: list[Any] = make_prompt_cache(model)  # in two parts, as answers are made
    parts = [model(part[None], cache=cache) for part in mx.split(inputs, 2)]
    found = mx.concatenate(parts, axis=1).astype(mx.float32)
    if found.shape != expected.shape:
        return float("inf")
    return relative_error(found, expected)


def tolerance(detached: DetachedModel) -> float:
    """How far apart two orders of the same sums may be in the model's precision.

    In half precision that is little above what a wrong mask makes, so that a model with folded
    tables is tried in float32 (:func:`standalone`).
    """
    return 2e-5 if detached.shadow.state_dtype == mx.float32 else 1e-1


def depth_of(decoder: Decoder) -> int:
    """Blocks of the network with those that hand through."""
    owner: Any = decoder.inner
    for name in decoder.blocks_path:
        owner = owner[name]
    return len(owner)


def _made(detached: DetachedModel, blocks: int, depth: int) -> Standalone:
    own_head = _has_own_head(detached)
    model, config = built(detached, blocks, depth, own_head=own_head)
    decoder = find_decoder(model)
    if not own_head:
        decoder.replace_embedding(detached.embedding)
        _take_head(model, decoder, detached)
    else:
        decoder.embedding.weight = own_table(detached, detached.shadow.state_dtype)
        _fold_head(model, decoder, detached)
    return Standalone(model, config, blocks - len(detached.shadow.decoder.blocks), own_head)


def built(
    detached: DetachedModel, blocks: int, depth: int, *, own_head: bool
) -> tuple[nn.Module, dict[str, Any]]:
    """A model of the shadow's architecture with its blocks, and its ``config.json``.

    Its table and its head are not the shadow's yet.

    Args:
        detached: The detached model.
        blocks: How many blocks it gets; those beyond the shadow's own are zeros.
        depth: How many blocks the shadow's configuration describes.
        own_head: Whether its head is a matrix of its own.

    Raises:
        Exception: One of :data:`FAILURES`, where no model has such settings.
    """
    shadow = detached.shadow
    config = shape_config(
        shadow.model_config,
        declared=shadow.decoder.arguments,
        depth=depth,
        blocks=blocks,
        own_head=own_head,
        vocabulary=int(detached.embedding.weight.shape[0]),
    )
    model_class, args_class = _get_classes(config)
    model: nn.Module = model_class(args_class.from_dict(_copied(config)))
    model.eval()
    _take_blocks(find_decoder(model), shadow.decoder)
    return model, config


def own_table(detached: DetachedModel, dtype: mx.Dtype) -> mx.array:
    """What the shadow reads of each token, as a table of its own ``[V, D_s]``."""
    vocabulary = int(detached.embedding.weight.shape[0])
    matrix = tables.dense(tables.table(detached))[:vocabulary].astype(dtype)
    narrowed = tables.narrowing(detached)
    return matrix if narrowed is None else tables.multiplied(matrix, narrowed.T, dtype)


def _has_own_head(detached: DetachedModel) -> bool:
    """Whether the embeddings that the shadow reads and its head are two matrices in any case."""
    shared = isinstance(detached.shadow.decoder.embedding, SharedEmbedding)
    return "projection" in detached.shadow or not shared or tables.narrowing(detached) is not None


def _take_blocks(decoder: Decoder, shadow: Decoder) -> None:
    """The shadow's blocks and what stands around them, but for the table; zeros beyond."""
    left_out = (f"{decoder.embedding_name}.", f"{decoder.own_head}.")
    own = [
        (name, value)
        for name, value in tree_flatten(shadow.inner.parameters())
        if not name.startswith(left_out)
    ]
    for block in decoder.blocks[len(shadow.blocks) :]:
        block.update(tree_map(mx.zeros_like, block.parameters()))
    added = ".".join(decoder.blocks_path)
    beyond = tuple(f"{added}.{i}." for i in range(len(shadow.blocks), len(decoder.blocks)))
    wanted = {
        name: value.shape
        for name, value in tree_flatten(decoder.inner.parameters())
        if not name.startswith((*left_out, *beyond))
    }
    own = list((dict(own) | dict(_around(shadow, wanted))).items())
    if wanted != {name: value.shape for name, value in own}:
        raise ValueError("its blocks change with their number")
    decoder.inner.update(tree_unflatten(own))


def _around(shadow: Decoder, wanted: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, mx.array]]:
    """What stands around the blocks, the backbone's or its own, of as many blocks as are wanted.

    Embeddings for each block, and what is projected to them, lie one block behind the other.
    """
    for name, modules in shadow.around.items():
        several = isinstance(modules, list)
        for number, module in enumerate(modules if isinstance(modules, list) else [modules]):
            path = f"{name}.{number}.weight" if several else f"{name}.weight"
            lent = isinstance(module, Borrowed)
            weight = tables.dense(module.module.module) if lent else module.weight
            shape = wanted.get(path, weight.shape)
            dtype = module.compute_dtype if lent else weight.dtype
            yield path, weight[tuple(slice(0, size) for size in shape)].astype(dtype)


def _take_head(model: nn.Module, decoder: Decoder, detached: DetachedModel) -> None:
    """The backbone's head as it is, quantized or not."""
    heads = {_path(name, decoder): module for name, module in tables.head_modules(detached).items()}
    if not heads and any(behind_blocks(model, decoder)):
        _without_head(model, decoder)
    wanted = {name for name, _ in behind_blocks(model, decoder)}
    if wanted != heads.keys():
        raise ValueError(f"behind its blocks it has {sorted(wanted)}, not {sorted(heads)}")
    model.update_modules(tree_unflatten(list(heads.items())))


def _without_head(model: nn.Module, decoder: Decoder) -> None:
    """Let an architecture see weights without a head: Gemma 3 then ties it to the table."""
    inside = ".".join(decoder.path) + "."
    weights = tree_flatten(model.parameters())
    if hasattr(model, "sanitize"):
        model.sanitize({name: value for name, value in weights if name.startswith(inside)})


def _fold_head(model: nn.Module, decoder: Decoder, detached: DetachedModel) -> None:
    """``H·P`` into the model's one matrix of so many rows.

    Which of the backbone's matrices is ``H`` is found by asking: some models carry one beside the
    table and do not use it.
    """
    vocabulary = detached.embedding.weight.shape[0]

    def is_head(module: nn.Module) -> bool:
        return "weight" in module and module.weight.shape[0] == vocabulary

    head = next((module for _, module in behind_blocks(model, decoder) if is_head(module)), None)
    if head is None:
        raise _CannotBeSaidError(
            "there the embeddings are the head too, and this shadow, which is "
            f"{_why_own_head(detached)}, needs two tables; train a mirror as wide as its backbone"
        )
    sources = [module for module in tables.head_modules(detached).values() if is_head(module)]
    for source in [*sources, detached.embedding]:
        if "bias" in source and "bias" not in head:
            continue
        _put_head(head, source, detached)
        factor, apart = _heads_apart(decoder, detached)
        if apart > tolerance(detached):
            continue
        if abs(factor - 1) > STEADY:
            dtype = head.weight.dtype
            head.weight = (head.weight.astype(mx.float32) * factor).astype(dtype)
        return
    raise _CannotBeSaidError(
        "its logits are not the backbone's, not even times a number: a bias, a soft cap or another "
        "function behind the head is missing or too much"
    )


def _put_head(head: nn.Module, source: nn.Module, detached: DetachedModel) -> None:
    matrix, dtype = tables.dense(source, in_products=True), detached.shadow.state_dtype
    if "projection" in detached.shadow:
        matrix = tables.multiplied(matrix, detached.shadow.projection.weight, dtype)
    matrix = matrix.astype(dtype)
    if "bias" in head:
        zeros = mx.zeros((matrix.shape[0],), matrix.dtype)
        head.bias = source.bias if "bias" in source else zeros
    head.weight = matrix


def _heads_apart(decoder: Decoder, detached: DetachedModel) -> tuple[float, float]:
    """The number by which the backbone's logits are those of the model's head, and how nearly.

    Some architectures scale their logits by a setting, or by their width.
    """
    shadow = detached.shadow
    states = mx.random.normal((4, embedding_width(decoder)), key=mx.random.key(0))
    widened = states @ shadow.projection.weight.T if "projection" in shadow else states
    expected = detached.head(widened.astype(mx.float32)).astype(mx.float32)
    found = HeadView(decoder)(states).astype(mx.float32)
    factor: Any = ((expected * found).sum() / (found * found).sum()).item()
    return float(factor), relative_error(factor * found, expected)


def _why_own_head(detached: DetachedModel) -> str:
    shared = isinstance(detached.shadow.decoder.embedding, SharedEmbedding)
    return "of another width" if shared else "fed a table of its own"


def behind_blocks(model: nn.Module, decoder: Decoder) -> Iterator[tuple[str, nn.Module]]:
    """Modules with weights behind the decoder, by path; with the head that is inside it."""
    inside = ".".join(decoder.path)
    own = f"{inside}.{decoder.own_head}"
    for name, module in model.named_modules():
        behind = name == own or not name.startswith(f"{inside}.")
        if name and behind and not module.children() and tree_flatten(module.parameters()):
            yield name, module


def _path(name: str, decoder: Decoder) -> str:
    """The path in the model of a module's path in the backbone's head."""
    stem, _, last = name.rpartition(".")
    return f"{stem}.{decoder.own_head}" if last == _OWN_HEAD and decoder.own_head else name


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    """mlx-lm's argument classes write into nested dictionaries."""
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in config.items()}
