from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.memory.graph import Array, Operation
from shadow_mlx.memory.layout import Layout, dense, view


def layout_of(array: np.ndarray) -> Layout:
    return Layout(array.shape, tuple(stride // array.itemsize for stride in array.strides))


def looked_at(name: str, array: np.ndarray, result: np.ndarray, *arguments: object) -> Layout:
    operation = Operation(name, ("in",), ("out",), arguments)
    found = view(operation, 0, layout_of(array), Array(result.shape, 4))
    assert found is not None
    return found


def test_views_are_where_numpy_puts_them() -> None:
    a = np.zeros((3, 4, 5), np.float32)
    pairs = [
        ("Transpose", a.transpose(2, 0, 1), [[2, 0, 1]]),
        ("Slice", a[1:3, :, ::2], [(1, 0, 0), (3, 4, 5), (1, 1, 2)]),
        ("Broadcast", np.broadcast_to(a, (2, 3, 4, 5)), [(2, 3, 4, 5)]),
    ]
    for name, result, arguments in pairs:
        assert looked_at(name, a, result, *arguments) == layout_of(result)
    assert looked_at("ExpandDims", a, a[:, None], [1]).shape == (3, 1, 4, 5)
    assert looked_at("Squeeze", a[:1], a[0], [0]) == layout_of(a[0])


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...]]:
    """A transposed array, and another shape with as many elements."""
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4))
    array = np.zeros(shape, np.float32).transpose(draw(st.permutations(range(len(shape)))))
    factors = [f for n in array.shape for f in ((2, 2) if n == 4 else (n,))]
    if draw(st.booleans()):
        factors = draw(st.permutations(factors))
    cuts = draw(st.lists(st.integers(0, len(factors)), max_size=4).map(sorted))
    groups = zip([0, *cuts], [*cuts, len(factors)], strict=True)
    return array, tuple(math.prod(factors[start:end]) for start, end in groups)


@given(reshapes())
def test_a_reshape_is_a_view_exactly_where_numpy_shares_memory(
    drawn: tuple[np.ndarray, tuple[int, ...]],
) -> None:
    a, shape = drawn
    b = a.reshape(shape)
    found = view(Operation("Reshape", ("a",), ("b",)), 0, layout_of(a), Array(shape, 4))
    assert (found is not None) == np.shares_memory(a, b)
    if found is not None:
        steps = zip(shape, found.strides, layout_of(b).strides, strict=True)
        assert all(mine == numpys for n, mine, numpys in steps if n > 1)


def test_what_lies_dense() -> None:
    rows = dense((3, 4))
    assert rows.is_row_contiguous
    assert rows.is_contiguous
    columns = Layout((4, 3), (1, 4))
    assert not columns.is_row_contiguous
    assert columns.is_contiguous
    assert columns.is_matrix
    gaps = Layout((3, 2), (4, 1))
    assert not gaps.is_contiguous
    assert Layout((5, 3, 4), (0, 4, 1)).span == 12
