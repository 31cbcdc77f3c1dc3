"""Kernels that MLX makes on a CPU while it computes, by a compiler in a process of its own.

A Ctrl-C at the terminal reaches that process, too: MLX then says that there is no kernel, though
nothing is wrong. (The shell that MLX starts it by clears the mask of signals, so that it cannot be
kept from them.) What was to be computed still can be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from shadow_mlx.errors import is_compiler_failure

Result = TypeVar("Result")

PRESS_SECONDS = 0.05
"""How long a signal may take from the compiler's end to this program's handler."""


def uninterrupted(evaluate: Callable[[], Result]) -> Result:
    """What ``evaluate`` gives; it is called once more where MLX's compiler was broken off."""
    try:
        return evaluate()
    except RuntimeError as error:
        if not is_compiler_failure(error):
            raise
    return evaluate()


def broken_off(error: RuntimeError, stopping: Callable[[], bool]) -> bool:
    """Whether an error is the compiler's end by the same press that asks the work to stop."""
    if not is_compiler_failure(error):
        return False
    time.sleep(PRESS_SECONDS)
    return stopping()
