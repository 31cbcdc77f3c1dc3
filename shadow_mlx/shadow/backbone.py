"""The shadow's own small network: a mirror of the backbone, or an explicit model.

Shapes: token ids ``[B, T]``; embeddings ``[B, T, D]``; the shadow's hidden states
``[B, T, D_s]``; the initial state ``s⁰`` ``[B, T, D]``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError, ModelError
from shadow_mlx.shadow.decoder import Decoder, find_decoder
from shadow_mlx.shadow.modules import Reference

_LAYER_COUNT = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers")
_HIDDEN_SIZE = ("hidden_size", "n_embd", "d_model", "dim")
_INTERMEDIATE_SIZE = ("intermediate_size", "ffn_dim", "n_inner", "mlp_hidden_size")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_KV_HEADS = ("num_key_value_heads", "n_kv_heads", "num_kv_heads")
_HEAD_DIM = ("head_dim",)


class SharedEmbedding(nn.Module):
    """The backbone's frozen token embeddings, handed to the shadow in the shadow's width.

    Args:
        table: The backbone's embedding module, registered in the backbone's tree only.
        projection: ``[D_s, D]`` weights to learn when the widths differ, else ``None``.
    """

    def __init__(self, table: nn.Module, projection: nn.Linear | None) -> None:
        super().__init__()
        self.table = Reference(table)
        self.compute_dtype = mx.float32
        if projection is not None:
            self.projection = projection

    def __call__(self, inputs: mx.array) -> mx.array:
        """``[B, T, D_s]`` for token ids ``[B, T]``."""
        embedded: mx.array = self.table.module(inputs).astype(self.compute_dtype)
        return self.projection(embedded) if "projection" in self else embedded


@dataclass(frozen=True)
class ShadowNetwork:
    """A shadow backbone before it is trained, with what is needed to build it again.

    Attributes:
        decoder: Its decoder; only ``decoder.inner`` is used, the head is the backbone's.
        model_config: The mlx-lm configuration that it was built from.
        projection: Weights ``[D, D_s]`` that came with a published projected shadow, or ``None``.
    """

    decoder: Decoder
    model_config: dict[str, Any]
    projection: mx.array | None = None


class ShadowBackbone(nn.Module):
    """``s⁰ = P · ShadowBackbone(embed(x))`` (1), with its own part of the flat cache.

    Args:
        network: The small decoder.
        shares_embedding: Whether it is fed the backbone's frozen embeddings (a mirror) or keeps
            its own table, frozen (an explicit shadow).
        table: The backbone's embedding module.
        backbone_width: ``D``.
        backbone_layers: ``L``: some architectures read the cache at a fixed layer's index to
            build their masks, so the cache list is padded to that length.
        dtype: Dtype of the state that is handed to the backbone.

    Raises:
        ModelError: An explicit shadow's vocabulary is smaller than the backbone's.
    """

    def __init__(
        self,
        network: ShadowNetwork,
        *,
        shares_embedding: bool,
        table: nn.Module,
        backbone_width: int,
        backbone_layers: int,
        dtype: mx.Dtype,
    ) -> None:
        super().__init__()
        self.decoder = network.decoder
        self.model_config = network.model_config
        self.state_dtype = dtype
        self.padding = max(backbone_layers, len(self.decoder.blocks))
        width = embedding_width(self.decoder)
        if shares_embedding:
            narrowing = nn.Linear(backbone_width, width, bias=False)
            self.decoder.replace_embedding(
                SharedEmbedding(table, narrowing if width != backbone_width else None)
            )
        else:
            _check_vocabulary(self.decoder.embedding, table)
            self.decoder.embedding.freeze()
        self.inner = self.decoder.inner
        if width != backbone_width or network.projection is not None:
            self.projection = nn.Linear(width, backbone_width, bias=False)
            if network.projection is not None:
                self.projection.weight = network.projection.astype(mx.float32)

    def __call__(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        """The initial state ``s⁰`` ``[B, T, D]`` for token ids ``[B, T]``."""
        caches = list(cache or [])
        caches += [None] * (self.padding - len(caches))
        state = self.decoder.final_hidden(inputs, caches)
        if "projection" in self:
            state = self.projection(state)
        return state.astype(self.state_dtype)

    def make_cache(self, max_kv_size: int | None = None) -> list[Any]:
        """Fresh caches of the shadow's own layers."""
        caches: list[Any] = make_prompt_cache(self.decoder.model, max_kv_size)
        return caches[: len(self.decoder.blocks)]

    def cast(self, dtype: mx.Dtype) -> None:
        """Compute in ``dtype``: float32 to train, the backbone's dtype to save time and cache."""
        self.apply(lambda value: value.astype(dtype))
        if isinstance(self.decoder.embedding, SharedEmbedding):
            self.decoder.embedding.compute_dtype = dtype

    @property
    def layers(self) -> list[nn.Module]:
        """The shadow's own decoder blocks."""
        return self.decoder.blocks


def mirror_model_config(backbone_config: Mapping[str, Any], config: ShadowConfig) -> dict[str, Any]:
    """The backbone's configuration with the mirror's widths, at the backbone's full depth.

    The mirror is the first ``--shadow-layers`` blocks of a fresh model built from this, so every
    per-layer rule of the architecture (layer types, sliding-window patterns, the first layers that
    are dense in a mixture of experts) holds for it without being known here.

    Raises:
        ConfigError: A width cannot be set for this architecture, or the widths do not fit.
    """
    mirrored = copy.deepcopy(dict(backbone_config))
    mirrored.pop("quantization", None)
    mirrored.pop("quantization_config", None)
    part = mirrored.get("text_config", mirrored)
    wanted = {
        "--shadow-hidden-size": (_HIDDEN_SIZE, config.shadow_hidden_size),
        "--shadow-intermediate-size": (_INTERMEDIATE_SIZE, config.shadow_intermediate_size),
        "--shadow-heads": (_HEADS, config.shadow_heads),
        "--shadow-kv-heads": (_KV_HEADS, config.shadow_kv_heads),
        "--shadow-head-dim": (_HEAD_DIM, config.shadow_head_dim),
    }
    model_type = backbone_config.get("model_type", "this architecture")
    problems = []
    for flag, (names, value) in wanted.items():
        if value is None:
            continue
        key = next((name for name in names if name in part), None)
        if key is None and names is _HEAD_DIM:
            key = "head_dim"  # optional in most configurations
        if key is None:
            problems.append(f"{flag}: {model_type} has no such setting ({' or '.join(names)})")
        else:
            part[key] = value
    problems += _fit_heads(part, config)
    if problems:
        raise ConfigError("\n".join(problems))
    return mirrored


def _fit_heads(part: dict[str, Any], config: ShadowConfig) -> list[str]:
    """Shrink the KV heads with the heads unless told otherwise; name what does not divide."""
    heads, kv_heads = _value(part, _HEADS), _value(part, _KV_HEADS)
    problems = []
    if heads and kv_heads and heads % kv_heads:
        if config.shadow_kv_heads is not None or config.shadow_heads is None:
            problems.append(
                f"--shadow-heads {heads} is not a multiple of the {kv_heads} key/value heads"
            )
        else:
            fitting = max(n for n in range(1, kv_heads + 1) if heads % n == 0)
            part[next(name for name in _KV_HEADS if name in part)] = fitting
    hidden = _value(part, _HIDDEN_SIZE)
    if hidden and heads and not part.get("head_dim") and hidden % heads:
        problems.append(
            f"the shadow's width {hidden} is not a multiple of its {heads} heads; "
            "set --shadow-heads or --shadow-head-dim"
        )
    return problems


def build_mirror(backbone: Decoder, model_config: Mapping[str, Any], layers: int) -> ShadowNetwork:
    """The first ``layers`` blocks of a fresh model of the backbone's own class.

    Raises:
        ConfigError: More layers than the backbone has, or the class refuses the configuration.
    """
    if layers > len(backbone.blocks):
        raise ConfigError(
            f"--shadow-layers {layers}: the mirror cannot be deeper than its backbone "
            f"({len(backbone.blocks)} layers)"
        )
    model_class = type(backbone.model)
    args_class = type(backbone.model.args)
    try:
        model = model_class(args_class.from_dict(dict(model_config)))
    except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
        raise ConfigError(
            f"the mirror of {backbone.name} cannot be built with these settings: {error}"
        ) from error
    decoder = find_decoder(model)
    decoder.replace_blocks(decoder.blocks[:layers])
    part = model_config.get("text_config", model_config)
    _initialize(decoder.inner, float(part.get("initializer_range") or 0.02))
    return ShadowNetwork(decoder, dict(model_config))


def _initialize(inner: nn.Module, scale: float) -> None:
    """Matrices from N(0, scale²), biases zero; what is neither keeps its class's own start."""
    for _, module in inner.named_modules():
        weight = module.get("weight")
        if weight is None or weight.ndim < 2:  # norms keep their ones
            continue
        module.weight = mx.random.normal(weight.shape, scale=scale)
        if "bias" in module:
            module.bias = mx.zeros_like(module.bias)


def embedding_width(decoder: Decoder) -> int:
    """The width of a decoder's token embeddings."""
    probe: mx.array = decoder.embedding(mx.zeros((1, 1), dtype=mx.int32))  # never evaluated
    return int(probe.shape[-1])


def _check_vocabulary(own: nn.Module, backbones: nn.Module) -> None:
    mine, theirs = own.weight.shape[0], backbones.weight.shape[0]
    if mine < theirs:
        raise ModelError(
            f"--shadow: its vocabulary has {mine} tokens and the backbone's {theirs}; "
            "an explicit shadow must share the backbone's tokenizer"
        )


def in_float32(network: ShadowNetwork) -> ShadowNetwork:
    """The same network with float32 weights, as it is trained.

    Raises:
        ModelError: It is quantized.
    """
    inner = network.decoder.inner
    weights = tree_flatten(inner.parameters())
    quantized = [name for name, value in weights if not mx.issubdtype(value.dtype, mx.floating)]
    if quantized:
        raise ModelError(
            "--shadow: this model is quantized, and quantized weights cannot be trained "
            f"({quantized[0]} and {len(quantized) - 1} more); give an unquantized one"
        )
    inner.update(tree_unflatten([(name, value.astype(mx.float32)) for name, value in weights]))
    return network


def _value(part: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((part[name] for name in names if part.get(name)), None)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a stream of our own, and leave the caller's where it was."""
    key: Any = mx.random.state[0]  # type: ignore[index]  # its stub says plain object
    high, low = key.tolist()
    mx.random.seed(seed)
    try:
        yield
    finally:
        mx.random.seed(high << 32 | low)  # a seed is the two words of its key
