"""Segments that are computed a second time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import mlx.core as mx
import numpy as np

from shadow_mlx.memory.graph import Graph, record
from shadow_mlx.memory.recomputation import Segment, recompute


def names(graph: Graph) -> Counter[str]:
    return Counter(operation.name for operation in graph.operations)


def run(graph: Graph, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Evaluate a graph of the few operations that the test below uses."""
    values = dict(zip(graph.inputs, inputs, strict=True))
    for operation in graph.operations:
        a = [values[name] for name in operation.inputs]
        if operation.name == "Depends":
            values |= dict(zip(operation.outputs, a, strict=False))
        else:
            compute = {"Sin": np.sin, "Cos": np.cos, "Multiply": np.multiply, "Matmul": np.matmul}
            values[operation.outputs[0]] = compute[operation.name](*a)
    return [values[name] for name in graph.outputs]


def test_recomputation_keeps_the_result_and_forgets_the_inside() -> None:
    def function(x: mx.array) -> list[mx.array]:
        inside = mx.sin(x)
        out = inside @ x
        late = mx.cos(out) * inside  # as a backward pass: needs the inside again
        return [late, inside, x, out]

    recorded = record(function, [mx.zeros((4, 4))])
    late, inside, begin, end = recorded.outputs
    graph = replace(recorded, outputs=(late,))
    again = recompute(graph, [Segment((begin,), (end,))])
    assert names(again) == names(graph) + Counter(Sin=1, Depends=1)
    readers = [o for o in again.operations if inside in o.inputs]
    assert [o.name for o in readers] == ["Matmul"]
    x = np.random.default_rng(0).normal(size=(4, 4))
    np.testing.assert_array_equal(run(again, [x]), run(graph, [x]))


def test_it_waits_for_a_gradient_and_not_for_zeros_that_are_there_at_any_time() -> None:
    def function(x: mx.array) -> list[mx.array]:
        inside = mx.sin(x)
        out = inside @ x
        spread = inside * mx.zeros((4, 1))  # an operation makes the zeros, of a constant
        return [mx.cos(out) * spread, x, out]

    recorded = record(function, [mx.zeros((4, 4))])
    late, begin, end = recorded.outputs
    graph = replace(recorded, outputs=(late,))
    assert names(graph)["Broadcast"]
    again = recompute(graph, [Segment((begin,), (end,))])
    cosine = next(o for o in again.operations if o.name == "Cos")
    waiting = next(o for o in again.operations if o.name == "Depends")
    assert waiting.inputs == (begin, *cosine.outputs)
