"""Fine-tune language models with a depth-shared shadow on MLX.

The public names below are imported when they are first used: importing the package itself costs
nothing, so that the command line answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shadow_mlx import blas, transformers_index

if TYPE_CHECKING:
    from shadow_mlx.config import SamplingConfig, ShadowConfig, TrainConfig
    from shadow_mlx.errors import ShadowMLXError
    from shadow_mlx.jobs import compare, distill, estimate, train
    from shadow_mlx.loading import load, load_model

__version__ = "0.1.0"

__all__ = [
    "SamplingConfig",
    "ShadowConfig",
    "ShadowMLXError",
    "TrainConfig",
    "__version__",
    "compare",
    "distill",
    "estimate",
    "load",
    "load_model",
    "train",
]

_HOMES = {
    "SamplingConfig": "shadow_mlx.config",
    "ShadowConfig": "shadow_mlx.config",
    "ShadowMLXError": "shadow_mlx.errors",
    "TrainConfig": "shadow_mlx.config",
    "compare": "shadow_mlx.jobs",
    "distill": "shadow_mlx.jobs",
    "estimate": "shadow_mlx.jobs",
    "load": "shadow_mlx.loading",
    "load_model": "shadow_mlx.loading",
    "train": "shadow_mlx.jobs",
}

# The one place that arranges a fast BLAS and a quicker import of transformers: whatever part of the
# package imports them comes after.
blas.install()
transformers_index.install()


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
