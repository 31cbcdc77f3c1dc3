"""A split backbone is looked at before it is trained on."""

from __future__ import annotations

import mlx.core as mx
import pytest

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.training import splitting
from shadow_mlx.training.splitting import check_gradients, input_gradient
from tests.architectures.matrix import BY_NAME, build


class Two:
    """A group of two processes, of which this is the second."""

    def size(self) -> int:
        return 2

    def rank(self) -> int:
        return 1


def test_the_gradient_is_that_of_what_the_first_block_reads():
    decoder = find_decoder(build(BY_NAME["llama"].config))
    blocks = decoder.blocks
    gradient = input_gradient(decoder)
    assert decoder.blocks == blocks
    inputs = mx.arange(splitting.TOKENS)[None]
    weights = mx.random.normal(gradient.shape, key=mx.random.key(0))
    table = decoder.embedding

    def value(step: float) -> float:
        moved = table.weight.at[inputs[0]].add(step * gradient[0])
        before, table.weight = table.weight, moved
        try:
            return (decoder.final_hidden(inputs) * weights).sum().item()
        finally:
            table.weight = before

    step = 1e-3 / mx.abs(gradient).max().item()
    slope = (value(step) - value(-step)) / (2 * step)
    assert slope == pytest.approx(mx.square(gradient).sum().item(), rel=0.02)


@pytest.mark.parametrize(("share", "refused"), [(1.0, False), (1.02, False), (0.5, True)])
def test_parts_with_other_gradients_are_refused(share, refused, monkeypatch):
    decoder = find_decoder(build(BY_NAME["llama"].config))
    first = input_gradient(decoder)

    def all_sum(x: mx.array, group: object) -> mx.array:
        return share * first if x.ndim == 3 else x  # what the first process has; its wish

    monkeypatch.setattr(mx.distributed, "all_sum", all_sum)
    team = Team(Two(), "tensor")
    if not refused:
        check_gradients(decoder, team)
        return
    with pytest.raises(UnsupportedArchitectureError, match="llama: the gradients of its parts"):
        check_gradients(decoder, team)


def test_what_is_known_to_be_wrong_is_refused_with_the_reason():
    decoder = find_decoder(build(BY_NAME["longcat_flash"].config))
    with pytest.raises(UnsupportedArchitectureError, match="count once for each machine"):
        check_gradients(decoder, alone())
