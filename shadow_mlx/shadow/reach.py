"""The limit of positions of a loaded model, of any of the three kinds."""

from __future__ import annotations

from typing import Any

from shadow_mlx.backbones.positions import PositionLimit, position_limit, tightest
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel


def positions_of(model: Any) -> PositionLimit | None:
    """The fewest positions of the networks that read the tokens; None where no one tells."""
    if isinstance(model, AttachedModel):
        return tightest([_own(model.backbone), position_limit(model.shadow.backbone.model_config)])
    if isinstance(model, DetachedModel):
        return position_limit(model.shadow.model_config)
    return _own(model)


def _own(model: Any) -> PositionLimit | None:
    """Of an mlx-lm model, which keeps its configuration as ``args``; a few keep none."""
    args = getattr(model, "args", None)
    if args is None:
        return None
    return position_limit({"model_type": model.model_type, **vars(args)})
