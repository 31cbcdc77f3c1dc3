"""A recorded function, and the order in which MLX runs it."""

from __future__ import annotations

import mlx.core as mx
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.memory.graph import Array, Graph, Operation, evaluation_order, record


def test_a_recording_knows_shapes_and_sizes() -> None:
    x = mx.zeros((3, 4), mx.float16)
    graph = record(lambda x: [mx.softmax(x @ x.T, axis=-1)], [x])
    assert [operation.name for operation in graph.operations] == ["Transpose", "Matmul", "Softmax"]
    assert graph.arrays[graph.inputs[0]] == Array((3, 4), 24)
    assert graph.arrays[graph.outputs[0]] == Array((3, 3), 18)


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
