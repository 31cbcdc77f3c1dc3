"""The shadow alone: a small standalone model with the backbone's embeddings and head.

Shapes: token ids ``[B, T]``, ``s⁰`` ``[B, T, D]``, logits ``[B, T, V]``.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float, Integer

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.shadow.network import ShadowBackbone


class DetachedModel(nn.Module):
    """``logits = head(P · ShadowBackbone(embed(x)))``, with the call surface of an mlx-lm model.

    The final norm is the shadow backbone's own. Embeddings and head are the backbone's; its blocks
    are not part of this model.

    Args:
        shadow: The shadow backbone.
        decoder: The backbone's decoder, for its embeddings and its head.
    """

    def __init__(self, shadow: ShadowBackbone, decoder: Decoder) -> None:
        super().__init__()
        self.shadow = shadow
        self.embedding = decoder.embedding
        self.head_view = HeadView(decoder)
        self.args = getattr(decoder.model, "args", None)  # a few models keep none
        self.model_type = str(decoder.model.model_type)

    def __call__(
        self, inputs: Integer[mx.array, "batch length"], cache: list[Any] | None = None
    ) -> Float[mx.array, "batch length vocabulary"]:
        """Logits ``[B, T, V]`` of token ids ``[B, T]``."""
        return self.head(self.shadow(inputs, cache))

    def head(
        self, hidden: Float[mx.array, "*positions hidden"]
    ) -> Float[mx.array, "*positions vocabulary"]:
        """The backbone's own head: ``[..., D]`` to logits ``[..., V]``."""
        logits: mx.array = self.head_view(hidden)
        return logits

    def make_cache(self, max_kv_size: int | None = None) -> list[Any]:
        """Fresh caches of the shadow's layers."""
        return self.shadow.make_cache(max_kv_size)

    @property
    def layers(self) -> list[nn.Module]:
        """The shadow's decoder blocks."""
        return self.shadow.layers
