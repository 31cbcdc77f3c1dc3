"""Finds an mlx-lm model's decoder loop: where its blocks, its embeddings and its head are.

Shapes: token ids ``[B, T]``; hidden states ``[B, T, D]``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.backbones.reference import Reference
from shadow_mlx.errors import UnsupportedArchitectureError

_BLOCK_LISTS = ("layers", "h", "blocks")
_EMBEDDINGS = (
    "embed_tokens",
    "wte",
    "tok_embeddings",
    "word_embeddings",
    "embed_in",
    "token_embeddings",
    "embeddings",
    "embedding",
    "embed",
)
_OWN_HEADS = ("embed_out",)  # GPT-NeoX projects to logits inside its decoder
_AROUND = (
    "embed_tokens_per_layer",
    "per_layer_model_projection",
    "per_layer_projection_norm",
    "altup_projections",
    "altup_unembed_projections",
)


@dataclass(frozen=True)
class Decoder:
    """Where one mlx-lm model keeps its decoder loop.

    Attributes:
        model: The whole model, token ids to logits.
        inner: The module that owns the embeddings, the blocks and the final norm.
        path: Attribute names from ``model`` to ``inner``.
        blocks_path: Attribute names from ``inner`` to the list of blocks.
        embedding_name: Attribute of ``inner`` that holds the token embeddings.
        own_head: Attribute of ``inner`` that projects to logits, where the head is inside.
        tied_head: Whether ``inner`` itself makes logits, with its token embeddings.
        kept: Number of leading blocks that compute; ``None`` for all (see :mod:`.mirror`).
    """

    model: nn.Module
    inner: nn.Module
    path: tuple[str, ...]
    blocks_path: tuple[str, ...]
    embedding_name: str
    own_head: str | None = None
    tied_head: bool = False
    kept: int | None = None

    @property
    def name(self) -> str:
        """The architecture's name, as mlx-lm calls it."""
        return _module_name(self.model)

    @property
    def blocks(self) -> list[nn.Module]:
        """The decoder blocks that compute, in the order of the loop."""
        owner = descend(self.inner, self.blocks_path[:-1])
        return list(owner[self.blocks_path[-1]])[: self.kept]

    def replace_blocks(self, blocks: Sequence[nn.Module]) -> None:
        """Put other blocks into the loop."""
        owner = descend(self.inner, self.blocks_path[:-1])
        setattr(owner, self.blocks_path[-1], list(blocks))

    def with_blocks(self, blocks: Sequence[Any]) -> Decoder:
        """The same decoder with others in place of the blocks that compute; this one keeps its own.

        Of the modules that lead to the blocks there is a copy, and of no array.
        """
        owner = inner = shallow_copy(self.inner)
        for name in self.blocks_path[:-1]:
            owner[name] = shallow_copy(owner[name])
            owner = owner[name]
        last = self.blocks_path[-1]
        owner[last] = [*blocks, *owner[last][len(blocks) :]]
        return replace(self, inner=inner)

    @property
    def embedding(self) -> nn.Module:
        """The token embedding table (possibly quantized)."""
        table = self.inner[self.embedding_name]
        assert isinstance(table, nn.Module)
        return table

    def replace_embedding(self, table: nn.Module) -> None:
        """Put another table before the loop."""
        setattr(self.inner, self.embedding_name, table)

    @property
    def around(self) -> dict[str, nn.Module | list[nn.Module]]:
        """What stands between tokens or head and the blocks beside the table and the final norm.

        Per-layer embeddings (Gemma 3n, Gemma 4) have a row for each token and a column for each
        channel of each block; AltUp makes streams of an embedding, and one state of the streams.
        """
        return {name: self.inner[name] for name in _AROUND if self.inner.get(name) is not None}

    def drop_own_head(self) -> None:
        """Remove a head that is inside the decoder: a shadow uses its backbone's."""
        if self.own_head is not None:
            setattr(self.inner, self.own_head, nn.Identity())

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The settings that the architecture declares, with their values in this model.

        mlx-lm ignores keys of a ``config.json`` that its architecture does not declare, and fills
        in those that the file leaves out, so this is what a setting really is.
        """
        for depth in range(len(self.path), -1, -1):
            module = descend(self.model, self.path[:depth])
            for name in ("args", "config"):
                declared = getattr(module, name, None)
                if hasattr(declared, "vocab_size") and not hasattr(declared, "text_config"):
                    return dict(vars(declared))
        return {}

    def final_hidden(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        """Hidden states ``[B, T, D]`` after the final norm, for token ids ``[B, T]``."""
        inner = self.inner
        if cache is None and self.shares_by_cache:
            cache = [Passed() for _ in make_prompt_cache(self.model)]
        given: list[mx.array] = []
        if self.own_head is not None:
            inner = shallow_copy(inner)
            inner[self.own_head] = nn.Identity()
        elif self.tied_head:

            def heard(state: mx.array) -> mx.array:
                given.append(state)
                return state

            inner = self.with_head(heard).inner
        hidden: mx.array = inner(inputs, cache=cache, **_required_as_none(self.inner))
        return given[0] if given else hidden  # what is made of it is never computed

    @property
    def shares_by_cache(self) -> bool:
        """Whether some blocks read the keys and values of others out of the cache (Gemma 3n).

        Called without one, mlx-lm's model has them compute their own: another function, which no
        answer is made by, and which must not be trained.
        """
        read = getattr(self.inner, "layer_idx_to_cache_idx", None)
        return read is not None and list(read) != list(range(len(read)))

    def with_head(self, head: Callable[[mx.array], mx.array]) -> Decoder:
        """The same decoder with a function as its :attr:`tied_head`; this one keeps its own."""
        inner = shallow_copy(self.inner)
        inner[self.embedding_name] = _OtherHead(self.embedding, head)
        return replace(self, inner=inner)


def find_decoder(model: nn.Module) -> Decoder:
    """The decoder of an mlx-lm model: the outermost module with both blocks and embeddings.

    Raises:
        UnsupportedArchitectureError: There is none, or its call has no ``cache`` argument.
    """
    queue: list[tuple[tuple[str, ...], nn.Module]] = [((), model)]
    for path, module in queue:  # breadth first; the list grows while it is read
        blocks_path = _blocks_path(module)
        embedding_name = next((n for n in _EMBEDDINGS if _is_module(module, n)), None)
        if path and blocks_path and embedding_name:
            own_head = next((n for n in _OWN_HEADS if _is_module(module, n)), None)
            decoder = Decoder(
                model, module, path, blocks_path, embedding_name, own_head, _makes_logits(module)
            )
            if "cache" not in inspect.signature(module.__call__).parameters:
                raise UnsupportedArchitectureError(
                    f"{decoder.name}: its decoder takes no cache argument, which the shadow needs"
                )
            return decoder
        queue += [
            ((*path, name), child)
            for name, child in module.children().items()
            if isinstance(child, nn.Module)
        ]
    raise UnsupportedArchitectureError(
        f"{_module_name(model)} cannot carry a shadow: no module holds both a list of decoder "
        "blocks and a token embedding"
    )


class Passed:
    """The cache of one pass over whole rows: what later blocks read of an earlier one."""

    offset = 0

    def __init__(self, held: tuple[mx.array, ...] = ()) -> None:
        self.held = held

    def __bool__(self) -> bool:
        return False  # masks are made as without a cache

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, ...]:
        """Keep and return them; there were none before."""
        self.held = (keys, values)
        return self.held

    def keys_and_values(self) -> tuple[mx.array, ...]:
        """What was kept."""
        return self.held


class _OtherHead(nn.Module):
    """A table of token embeddings that is asked for logits, and hands the question on."""

    def __init__(self, table: nn.Module, head: Callable[[mx.array], mx.array]) -> None:
        super().__init__()
        self.table = Reference(table)
        self.as_linear = head

    def __call__(self, inputs: mx.array) -> mx.array:
        embedded: mx.array = self.table.module(inputs)
        return embedded


def shallow_copy(module: nn.Module) -> nn.Module:
    """A second module with the same children and arrays, whose children can be exchanged."""
    clone: nn.Module = dict.__new__(type(module))  # an nn.Module is a dict with attributes
    clone.__dict__.update(module.__dict__)
    dict.update(clone, module)
    return clone


def descend(module: nn.Module, path: Sequence[str]) -> nn.Module:
    """The module at the end of ``path``."""
    for name in path:
        module = module[name]
    return module


def _module_name(model: nn.Module) -> str:
    return type(model).__module__.rsplit(".", 1)[-1]


def _blocks_path(module: nn.Module) -> tuple[str, ...] | None:
    """A list of blocks, or a child that holds nothing else (PLaMo's decoder)."""
    for name in _BLOCK_LISTS:
        if _is_block_list(module, name):
            return (name,)
        if _is_module(module, name) and _is_block_list(module[name], name):
            return (name, name)
    return None


def _is_block_list(module: nn.Module, name: str) -> bool:
    value = module.get(name)
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(child, nn.Module) for child in value)
    )


def _makes_logits(inner: nn.Module) -> bool:
    """Whether a decoder's own call multiplies by its table of embeddings (Gemma 3n, Lille)."""
    code = getattr(inspect.unwrap(type(inner).__call__), "__code__", None)
    return code is not None and "as_linear" in code.co_names


def _is_module(module: nn.Module, name: str) -> bool:
    return isinstance(module.get(name), nn.Module)


def _required_as_none(inner: nn.Module) -> dict[str, None]:
    """Arguments without a default beyond the inputs and the cache (StableLM's ``mask``)."""
    parameters = list(inspect.signature(inner.__call__).parameters.values())[1:]
    return {
        p.name: None
        for p in parameters
        if p.name != "cache"
        and p.default is inspect.Parameter.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
