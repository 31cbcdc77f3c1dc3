"""Gradient checkpointing, done to a recorded graph: segments forget their insides.

MLX cannot export ``mx.checkpoint`` itself, so blocks are recorded without it and the graph is
changed to what it does: the backward pass reads a second copy of a segment's operations, which
starts from the segment's inputs once its outputs are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mlx.core as mx

from shadow_mlx.memory.graph import Graph, Name, Operation


@dataclass(frozen=True)
class Segment:
    """What goes into one checkpointed function, and what comes out."""

    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]


@dataclass
class Segments:
    """Takes the place of ``mx.checkpoint`` while a function is recorded, and notes its calls."""

    inputs: list[list[mx.array]] = field(default_factory=list)
    outputs: list[list[mx.array]] = field(default_factory=list)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` itself, its array arguments and results noted."""

        def noted(*arguments: Any) -> Any:
            results = function(*arguments)
            self.inputs.append([one for one in arguments if isinstance(one, mx.array)])
            self.outputs.append(list(results))
            return results

        return noted

    def arrays(self) -> list[mx.array]:
        """All that was noted, so that the recording gives them names."""
        return [one for ends in self._ends() for group in ends for one in group]

    def named(self, names: Iterator[Name]) -> list[Segment]:
        """The segments, from the names of :meth:`arrays` in the same order."""
        return [
            Segment(tuple(next(names) for _ in begin), tuple(next(names) for _ in end))
            for begin, end in self._ends()
        ]

    def _ends(self) -> list[tuple[list[mx.array], list[mx.array]]]:
        return list(zip(self.inputs, self.outputs, strict=True))


def recompute(graph: Graph, segments: Sequence[Segment]) -> Graph:
    """The graph in which later uses of what happens inside the segments compute it again."""
    for number, segment in enumerate(segments):
        graph = _recompute(graph, segment, f"~{number}")
    return graph


def _recompute(graph: Graph, segment: Segment, mark: str) -> Graph:
    inside = _inside(graph, segment)
    arrays = dict(graph.arrays)
    hidden = {name for index in inside for name in graph.operations[index].outputs}
    hidden -= set(segment.outputs)
    makers = graph.producers()
    operations: list[Operation] = []
    again: dict[Name, Name] = {}  # the second name of what is computed a second time

    def second(name: Name) -> Name:
        """The name of the second computation of ``name``, whose operations come here."""
        if name in again:
            return again[name]
        if name in segment.inputs:
            restart()
            return again[name]
        maker = makers.get(name)
        if maker is None or maker not in inside:
            return name
        operation = graph.operations[maker]
        inputs = tuple(second(source) for source in operation.inputs)
        for output in operation.outputs:
            again[output] = output + mark
            arrays[output + mark] = arrays[output]
        outputs = tuple(again[output] for output in operation.outputs)
        operations.append(replace(operation, inputs=inputs, outputs=outputs))
        return again[name]

    def restart() -> None:
        """The segment's inputs, not before its outputs are there."""
        for name in segment.inputs:
            again[name] = name + mark
            arrays[name + mark] = arrays[name]
        outputs = tuple(again[name] for name in segment.inputs)
        operations.append(Operation("Depends", (*segment.inputs, *segment.outputs), outputs))

    for index, operation in enumerate(graph.operations):
        if index not in inside and hidden.intersection(operation.inputs):
            inputs = tuple(second(n) if n in hidden else n for n in operation.inputs)
            operation = replace(operation, inputs=inputs)
        operations.append(operation)
    return replace(graph, arrays=arrays, operations=tuple(operations))


def _inside(graph: Graph, segment: Segment) -> set[int]:
    """The operations between a segment's inputs and its outputs."""
    reached = set(segment.inputs)
    after: set[int] = set()
    for index, operation in enumerate(graph.operations):
        if not reached.isdisjoint(operation.inputs) and reached.isdisjoint(operation.outputs):
            reached.update(operation.outputs)
            after.add(index)
    makers = graph.producers()
    found: set[int] = set()
    stack = list(segment.outputs)
    while stack:
        maker = makers.get(stack.pop())
        if maker is not None and maker in after and maker not in found:
            found.add(maker)
            stack += graph.operations[maker].inputs
    return found
