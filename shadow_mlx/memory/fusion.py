"""Fuses elementwise operations as ``mx.compile`` does: what is inside a fusion takes no memory.

The rules are those of MLX: a fusion grows from its last operation towards its inputs while every
use of a value is inside, at most 11 deep and with fewer than 24 inputs; broadcasts are repeated
rather than shared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shadow_mlx.memory.graph import Graph, Name, Operation

MOST_DEPTH = 11
MOST_INPUTS = 24
BROADCAST = "Broadcast"
FUSED = "Compiled"

# fmt: off
ELEMENTWISE = frozenset({
    "Abs", "Add", "ArcCos", "ArcCosh", "ArcSin", "ArcSinh", "ArcTan", "ArcTan2", "ArcTanh",
    "AsType", "BitwiseBinary", "BitwiseInvert", "Ceil", "Conjugate", "Cos", "Cosh", "Divide",
    "Equal", "Erf", "ErfInv", "Exp", "Expm1", "Floor", "Greater", "GreaterEqual", "Imag", "Less",
    "LessEqual", "Log", "Log1p", "LogAddExp", "LogicalAnd", "LogicalNot", "LogicalOr", "Maximum",
    "Minimum", "Multiply", "Negative", "NotEqual", "Power", "Real", "Remainder", "Round",
    "Select", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Square", "Subtract", "Tan", "Tanh",
})
# fmt: on
FUSABLE = ELEMENTWISE | {BROADCAST}


def fuse(graph: Graph) -> Graph:
    """The graph with every fusable group of operations as one."""
    return _Fusing(graph).run()


@dataclass
class _Node:
    """An operation whose inputs can be exchanged."""

    name: str
    inputs: list[Name]
    outputs: tuple[Name, ...]
    operation: Operation


@dataclass(eq=False)
class _Region:
    """The fusion that is growing: its operations (by output) and its inputs so far."""

    shape: tuple[int, ...]
    inside: dict[Name, _Node] = field(default_factory=dict)
    inputs: set[Name] = field(default_factory=set)


class _Fusing:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.arrays = dict(graph.arrays)
        self.nodes = [_Node(o.name, list(o.inputs), o.outputs, o) for o in graph.operations]
        self.makers = {name: node for node in self.nodes for name in node.outputs}
        self.users: dict[Name, list[tuple[_Node, int]]] = {}
        for node in self.nodes:
            for position, name in enumerate(node.inputs):
                self.users.setdefault(name, []).append((node, position))
        self.wanted = set(graph.outputs)
        self.fused: set[Name] = set()

    def run(self) -> Graph:
        made = []
        for node in reversed(self.nodes):
            if node.outputs[0] in self.fused:
                continue
            region = _Region(self.arrays[node.outputs[0]].shape)
            if node.name in ELEMENTWISE:  # a broadcast alone stays a view
                self._grow(region, node.outputs[0], 0)
            if len(region.inside) > 1:
                made.append(self._fuse(region, node))
            else:
                made.append(replace(node.operation, inputs=tuple(node.inputs)))
        return replace(self.graph, arrays=self.arrays, operations=tuple(reversed(made)))

    def _grow(self, region: _Region, name: Name, depth: int) -> None:
        if name in region.inside:
            return
        node = self.makers.get(name)
        elsewhere = name in self.wanted and self.arrays[name].shape != region.shape
        if depth >= MOST_DEPTH or node is None or node.name not in FUSABLE or elsewhere:
            region.inputs.add(name)
            return
        used_outside = depth > 0 and any(
            user.outputs[0] not in region.inside for user, _ in self.users[name]
        )
        if used_outside:
            if node.name == BROADCAST and len(region.inputs) < MOST_INPUTS:
                self._grow(region, self._repeat(region, node), depth)
            else:
                region.inputs.add(name)
            return
        region.inputs.discard(name)
        if name in self.wanted:
            region.inputs.add(name)
        if len(region.inputs) >= MOST_INPUTS:
            return
        region.inside[name] = node
        for source in node.inputs:
            self._grow(region, source, depth + 1)

    def _repeat(self, region: _Region, node: _Node) -> Name:
        """A second broadcast for the uses inside; the first keeps the others."""
        old = node.outputs[0]
        new = f"{old}+{len(self.arrays)}"
        self.arrays[new] = self.arrays[old]
        copy = _Node(node.name, list(node.inputs), (new,), replace(node.operation, outputs=(new,)))
        self.makers[new] = copy
        mine = [use for use in self.users[old] if use[0].outputs[0] in region.inside]
        self.users[old] = [use for use in self.users[old] if use not in mine]
        self.users[new] = mine
        for user, position in mine:
            user.inputs[position] = new
        for position, source in enumerate(copy.inputs):
            self.users.setdefault(source, []).append((copy, position))
        return new

    def _fuse(self, region: _Region, last: _Node) -> Operation:
        inputs: dict[Name, None] = {}
        order: dict[Name, None] = {}
        self._collect(region, last.outputs[0], inputs, order)
        outputs = [name for name in order if name in self.wanted and name != last.outputs[0]]
        self.fused |= order.keys()
        outputs.append(last.outputs[0])
        fused = _Node(FUSED, list(inputs), tuple(outputs), last.operation)
        for name in outputs:
            self.makers[name] = fused
        for position, name in enumerate(inputs):
            users = [use for use in self.users[name] if use[0].outputs[0] not in region.inside]
            self.users[name] = [*users, (fused, position)]
        for name in outputs[:-1]:
            self.users[name] = [
                use for use in self.users[name] if use[0].outputs[0] not in region.inside
            ]
        return Operation(FUSED, tuple(inputs), tuple(outputs))

    def _collect(
        self, region: _Region, name: Name, inputs: dict[Name, None], order: dict[Name, None]
    ) -> None:
        """Inputs and operations of the region, each once, inputs before their uses."""
        if name not in region.inside:
            inputs[name] = None
        elif name not in order:
            for source in region.inside[name].inputs:
                self._collect(region, source, inputs, order)
            order[name] = None
