"""MLX's compiler: whether it can take a model, and what to do when it is broken off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import mlx.core as mx

from shadow_mlx.errors import is_compiler_failure
from shadow_mlx.shadow.attached import AttachedModel

Result = TypeVar("Result")


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


def uninterrupted(evaluate: Callable[[], Result]) -> Result:
    """What ``evaluate`` gives; it is called once more where MLX's compiler was broken off.

    On a CPU, kernels are made by a compiler in a process of its own, which a Ctrl-C at the
    terminal reaches, too. What was to be computed still can be.
    """
    try:
        return evaluate()
    except RuntimeError as error:
        if not is_compiler_failure(error):
            raise
    return evaluate()
