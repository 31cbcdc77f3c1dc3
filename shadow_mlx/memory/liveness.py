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

from shadow_mlx.memory.fusion import ELEMENTWISE, FUSED
from shadow_mlx.memory.graph import Array, Graph, Name, Operation
from shadow_mlx.memory.layout import Layout, dense, view
from shadow_mlx.memory.order import evaluation_order

WRITES_INTO_FIRST = frozenset(
    {"Softmax", "SliceUpdate", "Scatter", "ScatterAxis", "MaskedScatter", "DynamicSliceUpdate"}
)
"""Operations that start from a copy of their first input, or from that input itself."""

PRODUCTS = frozenset({"Matmul", "AddMM", "QuantizedMatmul", "GatherMM", "GatherQMM"})
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


@dataclass(eq=False)
class Buffer:
    """Allocated memory. It lives while a value or a scheduled operation refers to it."""

    nbytes: int
    part: str
    values: int = 0
    flights: int = 0


@dataclass(eq=False)
class Value:
    """An array that exists: its buffer, its layout, and how many references it has left."""

    buffer: Buffer
    layout: Layout
    itemsize: int
    references: int = 0

    @property
    def is_donatable(self) -> bool:
        """Whether its one reader may write into its buffer."""
        return self.references == 1 and self.buffer.values == 1 and not self.buffer.flights


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
    _flights: deque[tuple[int, list[Buffer]]] = field(default_factory=deque)

    def hold(self, array: Array, part: str) -> Value:
        """An array that exists before anything runs, with one reference: the caller's."""
        value = Value(self._allocate(array.nbytes, part), dense(array.shape), array.itemsize, 1)
        value.buffer.values = 1
        return value

    def release(self, value: Value) -> None:
        """Give up one reference."""
        value.references -= 1
        if not value.references:
            value.buffer.values -= 1
            self._free_unless_used(value.buffer)

    def run(
        self,
        graph: Graph,
        inputs: Sequence[Value],
        given_up: Collection[int],
        parts: Mapping[Name, str],
    ) -> list[Value]:
        """Run a graph; the caller gets one reference to each output.

        Args:
            graph: What to run, fused.
            inputs: Its inputs.
            given_up: Positions of the inputs to which the caller gives up its reference, so that
                they may be overwritten or freed.
            parts: Which part an array counts to; ``activations`` without an entry.
        """
        order = evaluation_order(graph)
        readers = Counter(name for operation in order for name in operation.inputs)
        readers.update(graph.outputs)
        values: dict[Name, Value] = {}
        for name, value in zip(graph.inputs, inputs, strict=True):
            values[name] = value
            value.references += readers[name]
        for position in given_up:
            self.release(inputs[position])
        for operation in order:
            self._run(operation, graph, values, readers, parts)
        return [values[name] for name in graph.outputs]

    def _run(
        self,
        operation: Operation,
        graph: Graph,
        values: dict[Name, Value],
        readers: Mapping[Name, int],
        parts: Mapping[Name, str],
    ) -> None:
        for name in operation.inputs:
            if name not in values:  # a constant
                array = graph.arrays[name]
                constant = Value(Buffer(0, ""), dense(array.shape), array.itemsize, readers[name])
                constant.buffer.values = 1
                values[name] = constant
        sources = [values[name] for name in operation.inputs]
        results = [graph.arrays[name] for name in operation.outputs]
        labels = [parts.get(name, "activations") for name in operation.outputs]
        made, copies, computes = self._evaluate(operation, sources, results, labels)
        for name, value in zip(operation.outputs, made, strict=True):
            value.references = readers[name]
            value.buffer.values += 1
            if name in parts and value.buffer.part != "weights":  # a view of weights stays theirs
                self._relabel(value.buffer, parts[name])
            values[name] = value
        own = made[0].buffer if made else None
        busy = {source.buffer for source in sources} | {value.buffer for value in made[1:]}
        busy -= {own}
        self._dispatch([*busy, *copies], computes + len(copies), sources)
        for source in sources:
            self.release(source)
        for value in made:
            if not value.references:  # nobody reads it
                value.references = 1
                self.release(value)

    def _evaluate(
        self,
        operation: Operation,
        sources: list[Value],
        results: list[Array],
        labels: list[str],
    ) -> tuple[list[Value], list[Buffer], int]:
        """Outputs, temporary copies of inputs, and the number of dispatches that compute."""
        if sources:
            seen = []
            for place, result in enumerate(results):
                source = sources[min(place, len(sources) - 1)]
                layout = view(operation, place, source.layout, result)
                if layout is None:
                    break
                seen.append(Value(source.buffer, layout, result.itemsize))
            if len(seen) == len(results):
                return seen, [], 0
        if operation.name == FUSED or operation.name in ELEMENTWISE:
            return self._elementwise(sources, results, labels), [], 1
        if operation.name in WRITES_INTO_FIRST:
            return [self._overwritten(sources[0], results[0], labels[0])], [], 2
        copies = []
        if operation.name in PRODUCTS:
            copies = [
                self._allocate(source.layout.elements * source.itemsize, "activations")
                for source in sources
                if len(source.layout.shape) > 1 and not source.layout.is_matrix
            ]
        made = [
            Value(self._allocate(result.nbytes, label), dense(result.shape), result.itemsize)
            for result, label in zip(results, labels, strict=True)
        ]
        return made, copies, len(sources) if operation.name == "Concatenate" else 1

    def _elementwise(
        self, sources: list[Value], results: list[Array], labels: list[str]
    ) -> list[Value]:
        """Outputs that take over the buffer of an input that nobody else needs, if one fits."""
        shape = results[0].shape
        arrays = [source for source in sources if source.layout.span > 1]
        alike = (
            bool(arrays)
            and all(source.layout.shape == shape for source in arrays)
            and len({source.layout.strides for source in arrays}) == 1
            and arrays[0].layout.is_contiguous
        )
        layout = arrays[0].layout if alike else dense(shape)
        donors = [
            source
            for source in arrays
            if source.is_donatable
            and (alike or (source.layout.is_row_contiguous and source.layout.shape == shape))
        ]
        made = []
        for result, label in zip(results, labels, strict=True):
            size = layout.span * result.itemsize
            donor = next(
                (
                    one
                    for one in donors
                    if one.itemsize == result.itemsize
                    and one.buffer.nbytes <= size + DONATION_SLACK
                ),
                None,
            )
            if donor is not None:
                donors.remove(donor)
                made.append(Value(donor.buffer, layout, result.itemsize))
            else:
                made.append(Value(self._allocate(size, label), layout, result.itemsize))
        return made

    def _overwritten(self, source: Value, result: Array, label: str) -> Value:
        fits = source.layout.is_contiguous and source.layout.elements == source.layout.span
        if fits and source.is_donatable and source.buffer.nbytes <= result.nbytes + DONATION_SLACK:
            return Value(source.buffer, source.layout, result.itemsize)
        return Value(self._allocate(result.nbytes, label), dense(result.shape), result.itemsize)

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
        if not buffer.values and not buffer.flights:
            self._total -= buffer.nbytes
            self._live[buffer.part] -= buffer.nbytes

    def _dispatch(self, busy: list[Buffer], computing: int, sources: list[Value]) -> None:
        """Queue an operation; when too many tasks are open, the device completes the oldest."""
        pace = self.pace
        for buffer in busy:
            buffer.flights += 1
        if pace.separate_release:
            self._advance(computing, 0)
            self._advance(1, 0)
        else:
            self._advance(1, sum(source.buffer.nbytes for source in sources))
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
