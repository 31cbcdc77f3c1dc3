"""How an array lies in its buffer, and which operations only look at it differently.

Strides count elements. A view shares its input's buffer and takes no memory of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shadow_mlx.memory.graph import Array, Operation

RESHAPES = frozenset({"Reshape", "Flatten", "Unflatten"})
PASSED_ON = frozenset({"Depends", "CustomTransforms", "Copy", "StopGradient", "View"})


@dataclass(frozen=True)
class Layout:
    """One array's place in its buffer."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Elements of the array."""
        return math.prod(self.shape)

    @property
    def span(self) -> int:
        """Elements of the buffer from the array's first to its last one."""
        steps = zip(self.shape, self.strides, strict=True)
        return 1 + sum((n - 1) * abs(stride) for n, stride in steps) if self.elements else 0

    @property
    def is_contiguous(self) -> bool:
        """Whether the span has no gaps: dense in some order of the axes, or repeated."""
        steps = zip(self.shape, self.strides, strict=True)
        return self.span == math.prod(n for n, stride in steps if stride)

    @property
    def is_row_contiguous(self) -> bool:
        """Whether the last axis varies fastest, without gaps or repeats."""
        expected = dense(self.shape).strides
        parts = zip(self.shape, self.strides, expected, strict=True)
        return all(n == 1 or found == wanted for n, found, wanted in parts)

    @property
    def is_matrix(self) -> bool:
        """Whether the last two axes can be given to a matrix product as they are."""
        if len(self.shape) < 2:
            return self.is_row_contiguous
        (rows, columns), (by_row, by_column) = self.shape[-2:], self.strides[-2:]
        plain = by_column == 1 and (by_row == columns or rows == 1)
        return plain or (by_row == 1 and (by_column == rows or columns == 1))


def dense(shape: Sequence[int]) -> Layout:
    """Row by row, without gaps."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return Layout(tuple(shape), tuple(reversed(strides)))


def view(operation: Operation, place: int, source: Layout, result: Array) -> Layout | None:
    """The layout of output number ``place`` if the operation is a view; ``None`` if it computes."""
    name, arguments = operation.name, operation.arguments
    if name in PASSED_ON:
        return Layout(result.shape, source.strides) if result.shape == source.shape else None
    if name in RESHAPES:
        return _reshaped(source, result.shape)
    if name == "Transpose":
        return Layout(result.shape, tuple(source.strides[axis] for axis in arguments[0]))
    if name == "Broadcast":
        return _broadcast(source, result.shape)
    if name == "ExpandDims":
        return _expanded(source, result.shape, arguments[0])
    if name == "Squeeze":
        gone = {axis % len(source.shape) for axis in arguments[0]}
        kept = tuple(s for axis, s in enumerate(source.strides) if axis not in gone)
        return Layout(result.shape, kept)
    if name == "Slice":
        steps = zip(source.strides, arguments[2], strict=True)
        return Layout(result.shape, tuple(stride * step for stride, step in steps))
    if name == "Split":
        return Layout(result.shape, source.strides)
    if name == "AsStrided":
        return Layout(result.shape, tuple(arguments[1]))
    if name == "Contiguous" and source.is_row_contiguous:
        return Layout(result.shape, source.strides)
    return None


def _broadcast(source: Layout, shape: tuple[int, ...]) -> Layout:
    new = len(shape) - len(source.shape)
    strides = [0] * new
    for n, stride, wanted in zip(source.shape, source.strides, shape[new:], strict=True):
        strides.append(stride if n == wanted else 0)
    return Layout(shape, tuple(strides))


def _expanded(source: Layout, shape: tuple[int, ...], axes: Sequence[int]) -> Layout:
    added = {axis % len(shape) for axis in axes}
    strides = iter(source.strides)
    return Layout(shape, tuple(1 if axis in added else next(strides) for axis in range(len(shape))))


def _reshaped(source: Layout, shape: tuple[int, ...]) -> Layout | None:
    """A view of the other shape, or ``None`` if the elements have to be copied."""
    if source.is_row_contiguous:
        return dense(shape)
    old = [(n, s) for n, s in zip(source.shape, source.strides, strict=True) if n != 1]
    strides: list[int] = []
    done, place = 0, 0
    while place < len(shape):
        if shape[place] == 1:
            strides.append(1)
            place += 1
            continue
        if done == len(old):
            return None
        taken, first = old[done][0], done
        wanted, last = shape[place], place + 1
        while taken != wanted:
            if taken < wanted:
                done += 1
                if done == len(old) or old[done - 1][1] != old[done][0] * old[done][1]:
                    return None
                taken *= old[done][0]
            elif last == len(shape):
                return None
            else:
                wanted *= shape[last]
                last += 1
        assert first <= done
        step = old[done][1]
        group = []
        for n in reversed(shape[place:last]):
            group.append(step)
            step *= n
        strides += reversed(group)
        done, place = done + 1, last
    return Layout(shape, tuple(strides))
