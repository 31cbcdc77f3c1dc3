"""One of several machines, traced where there is one."""

from __future__ import annotations

import mlx.core as mx
from mlx.nn.layers import distributed
from mlx_lm.models import base, qwen3_moe

from shadow_mlx.backbones.pretending import Machines, pretended


def test_what_comes_from_the_others_has_its_shape_and_all_is_as_it_was_afterwards():
    machines, x = Machines(3), mx.ones((2, 4))
    before = mx.distributed.all_sum, mx.distributed.all_gather, distributed.sum_gradients
    with pretended(machines):
        assert mx.distributed.all_sum(x, group=machines).shape == (2, 4)
        assert base.gather_last_axis(x, machines).shape == (2, 12)
        assert qwen3_moe.sum_gradients(machines)(x) is x
    after = mx.distributed.all_sum, mx.distributed.all_gather, distributed.sum_gradients
    assert after == before
    assert qwen3_moe.sum_gradients is distributed.sum_gradients
