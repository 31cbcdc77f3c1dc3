"""Base, attached and detached on a whole test file, with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shadow_mlx.config import CompareConfig
from shadow_mlx.errors import Interrupted
from shadow_mlx.evaluation.measuring import measure
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m


def serve(
    request: m.CompareFile, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Progress while it measures (by ``send``), then the one result: stopped, what there is."""

    def on_step(what: str, done: int, total: int) -> None:
        send(m.Progress(request.id, what, done, total))

    try:
        options = CompareConfig.from_mapping(request.options, where="compare")
        comparison = measure(options, on_step, stop)
    except Interrupted:  # before anything was measured
        yield m.Done(request.id)
    else:
        yield m.Compared(request.id, comparison.to_mapping())
