"""Plays a recorded step and counts bytes, as MLX's allocator would.

MLX allocates an operation's outputs when it *schedules* it and frees a buffer when the last
operation that reads it has *run*. It may schedule some tasks ahead of the device, so the peak
holds what a window of operations takes, not what one takes: :class:`Pace` is that window. The
device is taken to be the slower side, as it is for all but tiny models.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import mlx.core as mx

from shadow_mlx.memory.graph import Graph, Name, Operation, evaluation_order

# fmt: off
VIEWS = frozenset({
    "AsStrided", "Broadcast", "Copy", "CustomTransforms", "Depends", "ExpandDims", "Flatten",
    "Reshape", "Slice", "Split", "Squeeze", "StopGradient", "Transpose", "Unflatten", "View",
})
"""Operations whose outputs lie in the buffers of their inputs. Some copy at times (a reshape of
what was transposed); that is not followed."""

ELEMENTWISE = frozenset({
    "Abs", "Add", "ArcCos", "ArcCosh", "ArcSin", "ArcSinh", "ArcTan", "ArcTan2", "ArcTanh",
    "AsType", "BitwiseBinary", "BitwiseInvert", "Ceil", "Conjugate", "Cos", "Cosh", "Divide",
    "Equal", "Erf", "ErfInv", "Exp", "Expm1", "Floor", "Greater", "GreaterEqual", "Imag", "Less",
    "LessEqual", "Log", "Log1p", "LogAddExp", "LogicalAnd", "LogicalNot", "LogicalOr", "Maximum",
    "Minimum", "Multiply", "Negative", "NotEqual", "Power", "Real", "Remainder", "Round",
    "Select", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Square", "Subtract", "Tan", "Tanh",
})
"""Operations that may write over any of their inputs."""
# fmt: on

WRITES_INTO_FIRST = frozenset(
    {"Softmax", "SliceUpdate", "Scatter", "ScatterAxis", "MaskedScatter", "DynamicSliceUpdate"}
)
"""Operations that start from a copy of their first input, or from that input itself."""

DONATION_SLACK = 16384
"""Bytes by which a buffer may be larger than what is written into it."""


@dataclass(frozen=True)
class Pace:
    """How far MLX schedules ahead of the device.

    Attributes:
        dispatches: After so many a task is closed. On the CPU an operation is one dispatch that
            computes, if it does, and one that lets its inputs go.
        task_bytes: … or after it read so many bytes; ``None`` for no such bound.
        tasks: Closed tasks that may wait; one more makes the scheduling side wait.
        separate_release: Whether letting inputs go is a dispatch of its own.
    """

    dispatches: int
    task_bytes: int | None
    tasks: int
    separate_release: bool


CPU = Pace(dispatches=10, task_bytes=None, tasks=10, separate_release=True)
METAL = Pace(dispatches=40, task_bytes=40 * 2**20, tasks=10, separate_release=False)
"""A task is a command buffer: it keeps all that its kernels read until it has completed."""


def device_pace() -> Pace:
    """The pace of the device on which MLX computes."""
    return METAL if mx.default_device().type == mx.DeviceType.gpu else CPU


@dataclass(eq=False)
class Buffer:
    """Allocated memory, which may hold several arrays (views).

    It lives while its arrays have references left or a scheduled operation (a flight) uses it.
    """

    nbytes: int
    part: str
    references: int = 0
    flights: int = 0

    @property
    def is_donatable(self) -> bool:
        """Whether its one reader may write into it."""
        return self.references == 1 and not self.flights


@dataclass(eq=False)
class Memory:
    """The allocator and the device's queue.

    Attributes:
        peak: Most bytes that were allocated at once.
        parts: Bytes by part at that moment.
    """

    pace: Pace
    peak: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    _live: Counter[str] = field(default_factory=Counter)
    _total: int = 0
    _dispatched: int = 0
    _read: int = 0
    _task_began: int = 0
    _tasks: deque[int] = field(default_factory=deque)
    _flights: deque[tuple[int, set[Buffer]]] = field(default_factory=deque)

    def hold(self, nbytes: int, part: str) -> Buffer:
        """An array that exists before anything runs, with one reference: the caller's."""
        buffer = self._allocate(nbytes, part)
        buffer.references = 1
        return buffer

    def release(self, buffer: Buffer) -> None:
        """Give up one reference."""
        buffer.references -= 1
        self._free_unless_used(buffer)

    def run(
        self,
        graph: Graph,
        inputs: Sequence[Buffer],
        given_up: Collection[int],
        parts: Mapping[Name, str],
    ) -> list[Buffer]:
        """Run a graph; the caller gets one reference to each output.

        Args:
            graph: What to run.
            inputs: Its inputs.
            given_up: Positions of the inputs to which the caller gives up its reference, so that
                they may be overwritten or freed.
            parts: Which part an array counts to; ``activations`` without an entry.
        """
        order = evaluation_order(graph)
        readers = Counter(name for operation in order for name in operation.inputs)
        readers.update(graph.outputs)
        buffers: dict[Name, Buffer] = {}
        for name, buffer in zip(graph.inputs, inputs, strict=True):
            buffers[name] = buffer
            buffer.references += readers[name]
        for position in given_up:
            self.release(inputs[position])
        for operation in order:
            self._run(operation, graph, buffers, readers, parts)
        return [buffers[name] for name in graph.outputs]

    def _run(
        self,
        operation: Operation,
        graph: Graph,
        buffers: dict[Name, Buffer],
        readers: Mapping[Name, int],
        parts: Mapping[Name, str],
    ) -> None:
        for name in operation.inputs:
            if name not in buffers:  # a constant
                buffers[name] = Buffer(0, "", readers[name])
        sources = [buffers[name] for name in operation.inputs]
        sizes = [graph.arrays[name].nbytes for name in operation.outputs]
        labels = [parts.get(name, "activations") for name in operation.outputs]
        made, computing = self._place(operation, sources, sizes, labels)
        for name, buffer in zip(operation.outputs, made, strict=True):
            buffer.references += readers[name] + 1
            if name in parts and buffer.part != "weights":  # a view of weights stays theirs
                self._relabel(buffer, parts[name])
            buffers[name] = buffer
        if operation.name != "Broadcast":  # which mx.compile makes a part of what reads it
            self._dispatch({*sources, *made[1:]}.difference(made[:1]), computing, sources)
        for buffer in (*sources, *made):  # what nobody reads is gone
            self.release(buffer)

    def _place(
        self, operation: Operation, sources: list[Buffer], sizes: list[int], labels: list[str]
    ) -> tuple[list[Buffer], int]:
        """The outputs' buffers, and the number of dispatches that compute them."""
        name = operation.name
        if name in VIEWS:
            last = len(sources) - 1
            return [sources[min(place, last)] for place in range(len(sizes))], 0
        overwritable: list[Buffer] = []
        computing = len(sources) if name == "Concatenate" else 1
        if name in ELEMENTWISE:
            overwritable = sources
        elif name in WRITES_INTO_FIRST:
            overwritable, computing = sources[:1], 2
        for source in overwritable:
            room = source.nbytes - sizes[0]
            if source.is_donatable and 0 <= room <= DONATION_SLACK:
                return [source], computing
        made = zip(sizes, labels, strict=True)
        return [self._allocate(size, label) for size, label in made], computing

    def _allocate(self, nbytes: int, part: str) -> Buffer:
        self._total += nbytes
        self._live[part] += nbytes
        if self._total > self.peak:
            self.peak = self._total
            self.parts = self._live.copy()
        return Buffer(nbytes, part)

    def _relabel(self, buffer: Buffer, part: str) -> None:
        self._live[buffer.part] -= buffer.nbytes
        self._live[part] += buffer.nbytes
        buffer.part = part

    def _free_unless_used(self, buffer: Buffer) -> None:
        if not buffer.references and not buffer.flights:
            self._total -= buffer.nbytes
            self._live[buffer.part] -= buffer.nbytes

    def _dispatch(self, busy: set[Buffer], computing: int, sources: list[Buffer]) -> None:
        """Queue an operation; when too many tasks are open, the device completes the oldest."""
        pace = self.pace
        for buffer in busy:
            buffer.flights += 1
        if pace.separate_release:
            self._advance(computing, 0)
            self._advance(1, 0)
        else:
            self._advance(1, sum(source.nbytes for source in sources))
        self._flights.append((self._dispatched, busy))
        while len(self._tasks) > pace.tasks:
            self._complete(self._tasks.popleft())

    def _advance(self, dispatches: int, read: int) -> None:
        self._read += read
        for _ in range(dispatches):
            self._dispatched += 1
            full = self._dispatched - self._task_began >= self.pace.dispatches
            bound = self.pace.task_bytes
            if full or (bound is not None and self._read >= bound):
                self._tasks.append(self._dispatched)
                self._task_began, self._read = self._dispatched, 0

    def _complete(self, dispatched: int) -> None:
        while self._flights and self._flights[0][0] <= dispatched:
            for buffer in self._flights.popleft()[1]:
                buffer.flights -= 1
                self._free_unless_used(buffer)
