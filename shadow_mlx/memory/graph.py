"""A recorded computation: arrays by name, operations, and the order in which MLX runs them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

Name = str

WIDTH = int(os.environ.get("MLX_BFS_MAX_WIDTH", "20"))
"""Operations that wait at most before a branch is followed down; MLX reads the same variable."""


@dataclass(frozen=True)
class Array:
    """Shape and size of one array."""

    shape: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True)
class Operation:
    """One primitive of MLX."""

    name: str
    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]


@dataclass(frozen=True)
class Graph:
    """A computation. Arrays that no operation makes are inputs or constants."""

    arrays: dict[Name, Array]
    operations: tuple[Operation, ...]
    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]

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
    return Array(tuple(shape), math.prod(shape) * dtype.size)


def evaluation_order(graph: Graph) -> list[Operation]:
    """The operations that the outputs need, in the order in which MLX's ``eval`` runs them."""
    makers = graph.producers()
    sources = [
        [makers[name] for name in operation.inputs if name in makers]
        for operation in graph.operations
    ]
    wanted = [makers[name] for name in graph.outputs if name in makers]
    uses = _count_uses(wanted, sources)
    end = len(sources)  # stands for what waits for all outputs
    sources.append(wanted)
    tape, done = [end], 0
    waiting: list[tuple[int, int]] = []  # operations, and their sources already looked at
    while uses and (done < len(tape) or waiting):
        if done < len(tape):
            current, position = tape[done], 0
            done += 1
        else:
            current, position = waiting.pop()
        for place in range(position, len(sources[current])):
            if len(tape) - done >= WIDTH:
                waiting.append((current, place))
                break
            source = sources[current][place]
            uses[source] -= 1
            if not uses[source]:
                del uses[source]
                tape.append(source)
    return [graph.operations[index] for index in reversed(tape[1:])]


def _count_uses(wanted: list[int], sources: list[list[int]]) -> dict[int, int]:
    """How often each operation's results are used by what ``wanted`` needs."""
    uses: dict[int, int] = {}
    stack = [wanted]
    while stack:
        for source in stack.pop():
            if source not in uses:
                uses[source] = 0
                stack.append(sources[source])
            uses[source] += 1
    return uses
