"""What signatures say of arrays is checked in the tests, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

import mlx.core as mx
import pytest
from jaxtyping import TypeCheckError

from shadow_mlx.shadow.modules import ShadowLayer
from shadow_mlx.training.losses import gather

LAYER = ShadowLayer(8, 2, 2, 1.0, 0.0)
H = mx.zeros((1, 3, 8))


@pytest.mark.parametrize(
    "s", [mx.zeros((1, 4, 8)), mx.zeros((3, 8)), mx.zeros((1, 3, 8), dtype=mx.int32)]
)
def test_an_array_of_another_shape_or_type_is_found_where_it_is_given(s: mx.array) -> None:
    with pytest.raises(TypeCheckError, match="inject"):
        LAYER.inject(H, s)


def test_positions_are_whole_numbers() -> None:
    with pytest.raises(TypeCheckError, match="positions"):
        gather(H, mx.zeros(2))


def test_who_uses_the_program_pays_for_no_check() -> None:
    said = (
        "import sys, mlx.core as mx\n"
        "from shadow_mlx.shadow import modules\n"
        "from shadow_mlx.training import losses\n"
        "losses.gather(mx.zeros((1, 3, 8)), mx.array([0.0]).astype(mx.int64))\n"
        "assert 'beartype' not in sys.modules\n"
        "assert modules.ShadowLayer.inject.__code__.co_filename == modules.__file__\n"
    )
    subprocess.run([sys.executable, "-c", said], check=True)
