"""Recording, fusion, order and recomputation of small functions."""

from __future__ import annotations

from collections import Counter

import mlx.core as mx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.memory.fusion import FUSED, fuse
from shadow_mlx.memory.graph import Array, Graph, Operation, record
from shadow_mlx.memory.order import evaluation_order
from shadow_mlx.memory.recomputation import Segment, recompute


def names(graph: Graph) -> Counter[str]:
    return Counter(operation.name for operation in graph.operations)


def test_a_recording_knows_shapes_and_sizes() -> None:
    x = mx.zeros((3, 4), mx.float16)
    graph = record(lambda x: [mx.softmax(x @ x.T, axis=-1)], [x])
    assert [operation.name for operation in graph.operations] == ["Transpose", "Matmul", "Softmax"]
    assert graph.arrays[graph.inputs[0]] == Array((3, 4), 2)
    assert graph.arrays[graph.outputs[0]] == Array((3, 3), 2)
    assert graph.arrays[graph.outputs[0]].nbytes == 18


def test_elementwise_operations_become_one() -> None:
    graph = fuse(record(lambda x: [mx.exp(x) * 2 + 1], [mx.zeros((8, 8))]))
    assert names(graph) == {FUSED: 1}
    assert graph.operations[0].outputs == graph.outputs


def test_what_others_need_is_not_fused_away() -> None:
    def function(x: mx.array) -> list[mx.array]:
        y = mx.exp(x)
        return [mx.sin(mx.cos(y)), y @ y]

    graph = fuse(record(function, [mx.zeros((8, 8))]))
    assert names(graph) == {"Exp": 1, FUSED: 1, "Matmul": 1}


def test_a_wanted_value_inside_is_a_second_output() -> None:
    def function(x: mx.array) -> list[mx.array]:
        y = mx.exp(x)
        return [mx.sin(y), y]

    (fused,) = fuse(record(function, [mx.zeros((8, 8))])).operations
    assert len(fused.outputs) == 2


def test_a_broadcast_is_repeated_rather_than_shared() -> None:
    def function(x: mx.array, row: mx.array) -> list[mx.array]:
        wide = mx.broadcast_to(row, (8, 8))
        return [(mx.exp(x) + wide) @ x, (mx.sin(x) * wide) @ x]

    graph = fuse(record(function, [mx.zeros((8, 8)), mx.zeros((8,))]))
    assert names(graph) == {FUSED: 2, "Matmul": 2}


@given(st.data())
def test_the_order_runs_every_needed_operation_after_its_sources(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    operations = []
    for index in range(count):
        sources = data.draw(st.lists(st.integers(0, index), max_size=4))
        operations.append(Operation("Any", tuple(f"a{i}" for i in sources), (f"a{index + 1}",)))
    wanted = data.draw(st.lists(st.integers(1, count), min_size=1, max_size=4))
    arrays = {f"a{i}": Array((1,), 4) for i in range(count + 1)}
    graph = Graph(arrays, tuple(operations), ("a0",), tuple(f"a{i}" for i in wanted))
    done = {"a0"}
    for operation in evaluation_order(graph):
        assert done.issuperset(operation.inputs)
        assert done.isdisjoint(operation.outputs)
        done.update(operation.outputs)
    assert done.issuperset(graph.outputs)
    needed = set(graph.outputs)
    for operation in reversed(operations):
        if needed.intersection(operation.outputs):
            needed.update(operation.inputs)
    assert done == needed | {"a0"}


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
    graph = recorded.with_outputs([late])
    again = recompute(graph, [Segment((begin,), (end,))])
    assert names(again) == names(graph) + Counter(Sin=1, Depends=1)
    readers = [o for o in again.operations if inside in o.inputs]
    assert [o.name for o in readers] == ["Matmul"]
    x = np.random.default_rng(0).normal(size=(4, 4))
    np.testing.assert_array_equal(run(again, [x]), run(graph, [x]))
