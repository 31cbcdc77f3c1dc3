"""A recorded computation: arrays by name, and operations in an order in which they could run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import mlx.core as mx

Name = str


@dataclass(frozen=True)
class Array:
    """Shape and element size (bytes) of one array."""

    shape: tuple[int, ...]
    itemsize: int

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return math.prod(self.shape) * self.itemsize


@dataclass(frozen=True)
class Operation:
    """One primitive of MLX. ``arguments`` are what it knows beside its inputs (axes, bounds …)."""

    name: str
    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A computation. Arrays that no operation makes are inputs or constants."""

    arrays: dict[Name, Array]
    operations: tuple[Operation, ...]
    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]

    def with_outputs(self, outputs: Iterable[Name]) -> Graph:
        """The same computation of which only ``outputs`` are wanted."""
        return replace(self, outputs=tuple(outputs))

    def producers(self) -> dict[Name, int]:
        """The index of the operation that makes each array."""
        return {
            name: index
            for index, operation in enumerate(self.operations)
            for name in operation.outputs
        }


def record(function: Callable[..., Sequence[mx.array]], arguments: Sequence[mx.array]) -> Graph:
    """What ``function(*arguments)`` would compute, as ``mx.compile`` sees it before it fuses.

    Nothing is computed. Every array that the function should not take for a constant must be
    among its arguments.

    Raises:
        ValueError: It uses a primitive that MLX cannot export.
    """
    events: list[dict[str, Any]] = []
    mx.export_function(events.append, function, *arguments)
    arrays: dict[Name, Array] = {}
    operations: list[Operation] = []
    ends: dict[str, tuple[Name, ...]] = {}
    for event in events:
        kind = event["type"]
        if kind == "primitive":
            operations.append(
                Operation(
                    event["name"],
                    _known(event["inputs"], arrays),
                    _known(event["outputs"], arrays),
                    tuple(event["arguments"]),
                )
            )
        elif kind in ("inputs", "outputs"):
            ends[kind] = _known(event[kind], arrays)
        elif kind == "constants":
            arrays |= {name: _array(value.shape, value.dtype) for name, value in event[kind]}
    return Graph(arrays, tuple(operations), ends["inputs"], ends["outputs"])


def _known(
    described: Iterable[tuple[Name, Sequence[int], mx.Dtype]], into: dict[Name, Array]
) -> tuple[Name, ...]:
    names = []
    for name, shape, dtype in described:
        into.setdefault(name, _array(shape, dtype))
        names.append(name)
    return tuple(names)


def _array(shape: Sequence[int], dtype: mx.Dtype) -> Array:
    return Array(tuple(shape), dtype.size)
