"""The pair on its way through the loop: nothing stays behind, and threads do not meet."""

from __future__ import annotations

import threading
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.wrapping import Pair, PassThrough, ShadowBlock, check_loop, entering
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.shadow.modules import ShadowLayer
from tests.shadow.tiny_models import attached, backbone, difference, stir, tokens

PATIENCE = 60.0  # seconds until a thread that waits for another gives up


class Meeting(nn.Module):
    """A block that waits until as many threads are in it as the barrier has parties."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.barrier: threading.Barrier | None = None

    def __call__(self, x: mx.array, *args: Any, **kwargs: Any) -> mx.array:
        if self.barrier is not None:
            self.barrier.wait(PATIENCE)
        return self.block(x, *args, **kwargs)


class Failing(nn.Module):
    """A block that fails when told to."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.broken = False

    def __call__(self, x: mx.array, *args: Any, **kwargs: Any) -> mx.array:
        if self.broken:
            raise RuntimeError("in the middle of the loop")
        return self.block(x, *args, **kwargs)


def with_second_block(kind: type[Any]) -> tuple[nn.Module, Any]:
    """A backbone whose second block is wrapped in ``kind``."""
    model = backbone()
    decoder = find_decoder(model)
    first, second, third = decoder.blocks
    special = kind(second)
    decoder.replace_blocks([first, special, third])
    return model, special


def test_two_threads_in_the_same_loop_at_once_do_not_mix() -> None:
    model, meeting = with_second_block(Meeting)
    shadowed = attached(model)
    inputs = {seed: tokens(7, seed) for seed in (1, 2)}
    expected = {seed: shadowed(ids) for seed, ids in inputs.items()}
    expected[3] = model(inputs[1])  # the base model, beside the two
    inputs[3] = inputs[1]
    mx.eval(expected, inputs)
    meeting.barrier = threading.Barrier(3)
    found: dict[int, float] = {}

    def call(seed: int) -> None:
        run = model if seed == 3 else shadowed
        found[seed] = difference(run(inputs[seed]), expected[seed])

    threads = [threading.Thread(target=call, args=(seed,)) for seed in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == {1: 0.0, 2: 0.0, 3: 0.0}


def test_an_exception_inside_a_call_leaves_nothing_behind() -> None:
    model, failing = with_second_block(Failing)
    base = model(tokens(5))
    shadowed = attached(model)
    expected = shadowed(tokens(5))
    failing.broken = True
    with pytest.raises(RuntimeError, match="in the middle"):
        shadowed(tokens(5, seed=2))
    failing.broken = False
    assert mx.array_equal(model(tokens(5)), base)
    assert mx.array_equal(shadowed(tokens(5)), expected)


def test_two_shadows_on_one_backbone_do_not_mix() -> None:
    model = backbone()
    first, second = attached(model), attached(model, alpha=0.3)
    assert mx.array_equal(first(tokens(5)), attached()(tokens(5)))
    assert mx.array_equal(second(tokens(5)), attached(alpha=0.3)(tokens(5)))


def test_a_block_shows_the_type_and_the_attributes_of_what_it_wraps() -> None:
    model = backbone()
    original = find_decoder(model).blocks[0]
    original.kind_of_mask = "sliding"
    block = attached(model).layers[0]
    assert isinstance(block, type(original))
    assert isinstance(block, ShadowBlock)
    assert block.kind_of_mask == "sliding"
    assert PassThrough(original).kind_of_mask == "sliding"
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = block.no_such_thing


def test_a_pass_through_block_returns_its_input_and_has_no_parameters() -> None:
    idle = PassThrough(find_decoder(backbone()).blocks[0])
    x = mx.ones((1, 2, 64))
    assert idle(x, None, cache=None) is x
    assert idle(hidden_states=x, mask=None) is x
    assert idle.parameters() == {}


def test_a_pair_looks_like_its_hidden_state() -> None:
    pair = Pair(mx.ones((1, 2, 3), dtype=mx.bfloat16), mx.zeros((1, 2, 3)), object(), 1)
    assert (pair.shape, pair.dtype) == ((1, 2, 3), mx.bfloat16)


def test_skipped_blocks_are_refused() -> None:
    shadowed = attached()
    decoder = shadowed.decoder
    first, _, third = decoder.blocks
    decoder.replace_blocks([first, third])
    with pytest.raises(UnsupportedArchitectureError, match="skips or repeats"):
        shadowed(tokens(3))


def test_a_state_that_no_block_takes_is_an_error() -> None:
    with (
        pytest.raises(UnsupportedArchitectureError, match="does not call every decoder block"),
        entering(object(), mx.zeros((1, 1, 4))),
    ):
        pass


def test_checking_the_loop_leaves_the_decoder_as_it_was() -> None:
    decoder = find_decoder(backbone())
    before = decoder.blocks
    check_loop(decoder, ShadowLayer(64, 1, 1, 1.0, 0.0), 64, mx.float32)
    assert all(now is then for now, then in zip(decoder.blocks, before, strict=True))
    with pytest.raises(UnsupportedArchitectureError, match="qwen3 cannot carry a shadow"):
        check_loop(decoder, ShadowLayer(32, 1, 1, 1.0, 0.0), 32, mx.float32)
    assert all(now is then for now, then in zip(decoder.blocks, before, strict=True))


def test_recomputed_blocks_give_the_same_gradients() -> None:
    shadowed = attached(sharing="layer")
    stir(shadowed.shadow)

    def loss(model: nn.Module) -> mx.array:
        return mx.square(model(tokens(6))).mean()

    _, plain = nn.value_and_grad(shadowed, loss)(shadowed)
    shadowed.recompute_activations()
    _, recomputed = nn.value_and_grad(shadowed, loss)(shadowed)
    expected = plain["shadow"]["layers"][1]["down"]["weight"]
    assert bool(expected.any())
    assert difference(recomputed["shadow"]["layers"][1]["down"]["weight"], expected) < 1e-6
