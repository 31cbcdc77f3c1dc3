"""What is computed again for its gradient, done to a recorded graph: segments forget their insides.

MLX cannot export a custom gradient, so functions are recorded without it and the graph is changed
to what :func:`~shadow_mlx.backbones.recomputing.recomputed` does: the backward pass reads a second
copy of a segment's operations, which starts from the segment's inputs once the gradient of its
outputs is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mlx.core as mx

from shadow_mlx.memory.graph import Array, Graph, Name, Operation, evaluation_order


@dataclass(frozen=True)
class Segment:
    """What goes into one function that is computed again, and what comes out."""

    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]


@dataclass
class Segments:
    """Takes the place of ``recomputed`` while a function is recorded, and notes its calls."""

    calls: list[tuple[list[mx.array], list[mx.array]]] = field(default_factory=list)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` itself, its array arguments and results noted."""

        def noted(*arguments: Any) -> Any:
            results = function(*arguments)
            given = [one for one in arguments if isinstance(one, mx.array)]
            made = [results] if isinstance(results, mx.array) else list(results)
            self.calls.append((given, made))
            return results

        return noted

    def arrays(self) -> list[mx.array]:
        """All that was noted, so that the recording gives them names."""
        return [one for call in self.calls for group in call for one in group]

    def named(self, names: Iterator[Name]) -> list[Segment]:
        """The segments, from the names of :meth:`arrays` in the same order."""
        return [
            Segment(tuple(next(names) for _ in begin), tuple(next(names) for _ in end))
            for begin, end in self.calls
        ]


def recompute(graph: Graph, segments: Sequence[Segment], losses: Sequence[Name] = ()) -> Graph:
    """The graph in which later uses of what happens inside the segments compute it again.

    Args:
        graph: What was recorded.
        segments: Calls in it whose insides are forgotten.
        losses: What the gradients are of: what these need belongs to the forward pass.
    """
    backward = _Backward(graph, losses)
    again = [_Again(backward, segment, f"~{i}") for i, segment in enumerate(segments)]
    forward = {index for one in again for index in one.inside}
    hidden = {name: one for one in again for name in one.hidden}
    arrays = dict(graph.arrays)
    operations: list[Operation] = []
    for index, operation in enumerate(graph.operations):
        if index not in forward and not hidden.keys().isdisjoint(operation.inputs):
            names = [
                hidden[name].second(name, arrays, operations) if name in hidden else name
                for name in operation.inputs
            ]
            operation = replace(operation, inputs=tuple(names))
        operations.append(operation)
    return replace(graph, arrays=arrays, operations=tuple(operations))


class _Backward:
    """A graph, of which the part that is not needed for the losses is the backward pass.

    Attributes:
        graph: The whole of it.
        makers: Places of the operations, by what they make.
    """

    def __init__(self, graph: Graph, losses: Sequence[Name]) -> None:
        self.graph = graph
        self.makers = graph.producers()
        order = evaluation_order(graph)
        self._turn = {name: turn for turn, one in enumerate(order) for name in one.outputs}
        self._readers: dict[Name, list[int]] = {}
        for index, operation in enumerate(graph.operations):
            for name in operation.inputs:
                self._readers.setdefault(name, []).append(index)
        self._forward = self._needed(losses)
        self._computed = self._decided()

    def _needed(self, losses: Sequence[Name]) -> set[Name]:
        found: set[Name] = set()
        stack = list(losses)
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                if (maker := self.makers.get(name)) is not None:
                    stack += self.graph.operations[maker].inputs
        return found

    def _decided(self) -> set[Name]:
        """What depends on an input: zeros to add a gradient to, say, are there at any time."""
        found = set(self.graph.inputs)
        for operation in self.graph.operations:
            if not found.isdisjoint(operation.inputs):
                found.update(operation.outputs)
        return found

    def arriving(self, hidden: Collection[Name], inside: Collection[int]) -> Name | None:
        """The first gradient that meets what is ``hidden``, or what follows from that alone."""
        local, stack = set(hidden), list(hidden)
        met: set[Name] = set()
        while stack:
            for index in self._readers.get(stack.pop(), ()):
                operation = self.graph.operations[index]
                if index in inside or local.issuperset(operation.outputs):
                    continue
                made = {n for n in operation.inputs if n in self.makers} & self._computed
                coming = made - local - self._forward
                met |= coming
                if not coming:
                    local.update(operation.outputs)
                    stack += operation.outputs
        return min(met, key=self._turn.__getitem__, default=None)


class _Again:
    """One segment, and the second names of what is computed a second time.

    Attributes:
        inside: Indices of the segment's operations.
        hidden: What they make, without the segment's outputs.
    """

    def __init__(self, backward: _Backward, segment: Segment, mark: str) -> None:
        self.graph = backward.graph
        self.segment = segment
        self.makers = backward.makers
        self.mark = mark
        self.inside = self._between()
        made = {name for index in self.inside for name in self.graph.operations[index].outputs}
        self.hidden = made - set(segment.outputs)
        self.arriving = backward.arriving(self.hidden, self.inside)
        self.names: dict[Name, Name] = {}

    def second(self, name: Name, arrays: dict[Name, Array], operations: list[Operation]) -> Name:
        """The second name of ``name``; what makes it is added to the operations."""
        if name not in self.names and name in self.segment.inputs:
            # the segment's inputs, not before the gradient is there
            inputs = self.segment.inputs
            waited = () if self.arriving is None else (self.arriving,)
            ready = Operation("Depends", (*inputs, *waited), ())
            operations.append(self._named_again(ready, inputs, arrays))
        elif name not in self.names:
            maker = self.makers.get(name)
            if maker is None or maker not in self.inside:
                return name
            operation = self.graph.operations[maker]
            sources = tuple(self.second(one, arrays, operations) for one in operation.inputs)
            copy = replace(operation, inputs=sources)
            operations.append(self._named_again(copy, operation.outputs, arrays))
        return self.names[name]

    def _named_again(
        self, operation: Operation, made: Sequence[Name], arrays: dict[Name, Array]
    ) -> Operation:
        for name in made:
            self.names[name] = name + self.mark
            arrays[name + self.mark] = arrays[name]
        return replace(operation, outputs=tuple(self.names[name] for name in made))

    def _between(self) -> set[int]:
        """What the outputs need and the inputs decide."""
        needed: set[int] = set()
        stack = list(self.segment.outputs)
        while stack:
            name = stack.pop()
            maker = None if name in self.segment.inputs else self.makers.get(name)
            if maker is not None and maker not in needed:
                needed.add(maker)
                stack += self.graph.operations[maker].inputs
        reached = set(self.segment.inputs)
        inside = set()
        for index in sorted(needed):
            operation = self.graph.operations[index]
            if not reached.isdisjoint(operation.inputs):
                reached.update(operation.outputs)
                inside.add(index)
        return inside
