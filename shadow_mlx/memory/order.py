"""The order in which MLX runs a graph: from the outputs backwards, breadth first, in a width."""

from __future__ import annotations

import os

from shadow_mlx.memory.graph import Graph, Operation

WIDTH = int(os.environ.get("MLX_BFS_MAX_WIDTH", "20"))
"""Operations that wait at most before a branch is followed down; MLX reads the same variable."""


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
