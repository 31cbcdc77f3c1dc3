"""The allocator that counts, on graphs small enough to count by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx

from shadow_mlx.memory.graph import record
from shadow_mlx.memory.liveness import CPU, Memory, Pace, device_pace

SIDE = 256
SQUARE = 4 * SIDE * SIDE  # bytes
PATIENT = Pace(dispatches=1, task_bytes=None, tasks=0, separate_release=True)
"""A scheduler that waits for every operation."""


def played(
    function: Callable[..., Sequence[mx.array]], pace: Pace, *, given_up: bool = False
) -> Memory:
    graph = record(function, [mx.zeros((SIDE, SIDE))])
    memory = Memory(pace)
    inputs = [memory.hold(graph.arrays[name].nbytes, "weights") for name in graph.inputs]
    memory.run(graph, inputs, [0] if given_up else [], {})
    return memory


def products(x: mx.array, count: int) -> mx.array:
    for _ in range(count):
        x = x @ x
    return x


def test_a_chain_holds_two_links_when_the_scheduler_waits() -> None:
    memory = played(lambda x: [products(x, 30)], PATIENT)
    assert memory.peak == 3 * SQUARE  # the input stays, one link is read, one is written
    assert memory.parts == {"weights": SQUARE, "activations": 2 * SQUARE}


def test_running_ahead_holds_more() -> None:
    ahead = played(lambda x: [products(x, 200)], CPU).peak / SQUARE
    # 10 to 12 tasks of 10 dispatches may be open, two for each product
    assert 45 < ahead < 65


def test_the_window_is_the_one_of_this_mlx() -> None:
    """What MLX really does with that chain; the estimate stands on it."""
    x = mx.zeros((SIDE, SIDE))
    mx.eval(x)
    mx.reset_peak_memory()
    before = mx.get_active_memory() - SQUARE
    mx.eval(products(x, 200))
    real = mx.get_peak_memory() - before
    patient, ahead = (played(lambda x: [products(x, 200)], p) for p in (PATIENT, device_pace()))
    assert patient.peak <= real <= ahead.peak * 1.05


def test_elementwise_results_go_into_the_buffer_that_nobody_needs() -> None:
    memory = played(lambda x: [mx.exp(x)], PATIENT, given_up=True)
    assert memory.peak == SQUARE
    assert played(lambda x: [mx.exp(x)], PATIENT).peak == 2 * SQUARE


def test_views_take_nothing() -> None:
    memory = played(lambda x: [x.T.reshape(SIDE, SIDE)[:, :7]], PATIENT)
    assert memory.peak == SQUARE


def test_a_broadcast_waits_for_nothing() -> None:
    """It is a part of what reads it, so the window holds as much as without it."""

    def widened(x: mx.array) -> list[mx.array]:
        for _ in range(200):
            x = mx.exp(mx.broadcast_to(x[:, :, None], (SIDE, SIDE, 1))) @ mx.ones((1, 1))
            x = x.reshape(SIDE, SIDE)
        return [x]

    def plain(x: mx.array) -> list[mx.array]:
        for _ in range(200):
            x = (mx.exp(x[:, :, None]) @ mx.ones((1, 1))).reshape(SIDE, SIDE)
        return [x]

    assert played(widened, CPU).peak == played(plain, CPU).peak


def test_parts_are_told_apart_by_name() -> None:
    graph = record(lambda x: [x @ x], [mx.zeros((SIDE, SIDE))])
    memory = Memory(PATIENT)
    held = memory.hold(SQUARE, "weights")
    memory.run(graph, [held], [], {graph.outputs[0]: "gradients"})
    assert memory.parts == {"weights": SQUARE, "gradients": SQUARE}
