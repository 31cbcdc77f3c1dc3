"""The options of models: which backbone, which adapter, which of the two answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx.config.data import DataConfig
from shadow_mlx.config.option import Options, option

Mode = Literal["attached", "detached", "base"]
Parallel = Literal["data", "tensor"]

MODES: tuple[Mode, ...] = ("attached", "detached", "base")
BUNDLED_MODEL = "sprout"
DEFAULT_HUB_MODEL = "mlx-community/Qwen3-0.6B-4bit"
MODEL_VARIABLE = "SHADOW_MLX_MODEL"


@dataclass(frozen=True)
class BackboneConfig(Options):
    """A backbone by its name."""

    model: str | None = option(
        None,
        group="model",
        kind="path",
        metavar="PATH|HUB_ID|sprout",
        help="backbone (default: the adapter's own; without one, see 'shadow-mlx info')",
    )
    trust_remote_code: bool = option(
        False, group="model", help="allow a model's own Python code to run (a risk: read it first)"
    )


@dataclass(frozen=True)
class ParallelConfig(Options):
    """What several processes split that ``mlx.launch`` starts together."""

    parallel: Parallel = option(
        "data",
        group="model",
        help="what processes split that mlx.launch starts together: data, the rows of each batch "
        "in training; tensor, the backbone, a part of each matrix on each machine",
    )

    @classmethod
    def idle(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """A form starts no other processes, so that there is nothing to choose."""
        found = super().idle(values)
        return found if values.get("parallel") == "tensor" else found | {"parallel"}


@dataclass(frozen=True)
class EncodingConfig(DataConfig, BackboneConfig):
    """How records become examples of one backbone's tokenizer."""


@dataclass(frozen=True)
class ModelConfig(BackboneConfig):
    """A model that answers: a backbone, with an adapter's shadow or one of the two alone."""

    adapter_path: str = option(
        "adapters", group="model", kind="path", metavar="DIR", help="adapter"
    )
    mode: Mode = option(
        "attached",
        group="model",
        switches={
            "detached": "the shadow alone; the backbone's blocks are not loaded",
            "base": "the untuned backbone (default: attached, backbone and shadow)",
        },
        help="which weights answer: backbone and shadow, the shadow alone, the untuned backbone",
    )
