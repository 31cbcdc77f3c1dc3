"""A fast matrix product for MLX on Linux without CUDA.

The Linux wheel of MLX bundles a reference BLAS. When the system's OpenBLAS is loaded with its
symbols global *before* ``mlx.core`` is imported, the dynamic linker binds MLX to it instead, and
matrix products become many times faster. :func:`install` (called once, by ``shadow_mlx/__init__``)
arranges that OpenBLAS is loaded at the moment when somebody first imports MLX, so that ``--help``
does not pay for it. Set ``SHADOW_MLX_NO_OPENBLAS=1`` to leave MLX as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

OFF_VARIABLE = "SHADOW_MLX_NO_OPENBLAS"
LIBRARIES = ("libopenblas.so.0", "libopenblas.so")
CUDA_DISTRIBUTIONS = ("mlx-cuda-12", "mlx-cuda-13")


@dataclass(frozen=True)
class BlasState:
    """Which BLAS MLX uses on the CPU, and why. ``library`` is None for MLX's own."""

    library: str | None
    reason: str


_state = BlasState(None, "MLX has not been imported")


def state() -> BlasState:
    """What :func:`install` has led to so far."""
    return _state


def install() -> None:
    """Arrange that OpenBLAS is loaded just before MLX is first imported."""
    global _state
    if sys.platform != "linux":
        _state = BlasState(None, "the platform's own (Accelerate)")
    elif "mlx.core" in sys.modules:
        _state = BlasState(None, "MLX's own: mlx was imported before shadow_mlx")
    else:
        sys.meta_path.insert(0, _BeforeMLX())


class _BeforeMLX:
    """Finds nothing; the import system asks it first, which is the moment to load OpenBLAS."""

    asked = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        global _state
        if fullname == "mlx.core" and not self.asked:
            self.asked = True
            _state = _load()


def _load() -> BlasState:
    if os.environ.get(OFF_VARIABLE, "") not in ("", "0"):
        return BlasState(None, f"MLX's own: {OFF_VARIABLE} is set")
    if any(map(_installed, CUDA_DISTRIBUTIONS)):
        return BlasState(None, "MLX's own: computation is on CUDA")
    import ctypes  # what never loads MLX starts without it

    for name in LIBRARIES:
        try:
            ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return BlasState(name, "OpenBLAS was found and loaded before MLX")
    return BlasState(
        None,
        "MLX's own, which is slow: no OpenBLAS on this system "
        "(Debian and Ubuntu: sudo apt-get install libopenblas0-pthread)",
    )


def _installed(distribution: str) -> bool:
    import importlib.metadata  # the slowest import of a start that loads no MLX

    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
