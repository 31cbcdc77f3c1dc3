"""Whether MLX's compiler can take a model."""

from __future__ import annotations

import mlx.core as mx

from shadow_mlx.shadow.attached import AttachedModel


def can_be_compiled(model: AttachedModel) -> bool:
    """Whether MLX can record a model as it stands, in training or evaluation mode.

    A few of mlx-lm's models look at values while they compute (DBRX at the experts' choice). They
    are found out beforehand: a step that breaks off in its recording leaves its state unusable.
    """
    try:
        mx.compile(model.hidden)(mx.zeros((1, 2), dtype=mx.int32))  # recorded, never evaluated
    except ValueError as error:
        if "function transformations" not in str(error):
            raise
        return False
    return True
