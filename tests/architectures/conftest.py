"""The matrix runs without MLX's compiler.

On the CPU it makes a C++ compiler build every fused kernel of every family the first time: minutes,
for functions that compute the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx
import pytest


@pytest.fixture(autouse=True)
def _uncompiled() -> Iterator[None]:
    mx.disable_compile()
    yield
    mx.enable_compile()
