"""A faster matrix product for MLX on Linux without a GPU."""

from __future__ import annotations

import ctypes
import sys


def load_openblas() -> bool:
    """Load the system's OpenBLAS so that MLX's CPU backend resolves its symbols to it.

    MLX's Linux wheel bundles a reference BLAS that is many times slower. Must run before
    ``mlx.core`` is imported. Returns whether a library was found.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        ctypes.CDLL("libopenblas.so.0", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
