"""Commands that answer, on several processes: the first one reads, speaks and writes for all."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.config import Parallel
from shadow_mlx.errors import InputError, PeersLostError, ShadowMLXError

if TYPE_CHECKING:
    from shadow_mlx.generation.engine import Engine
    from shadow_mlx.parallel.team import Team


@contextmanager
def working_together(parallel: Parallel) -> Iterator[Team]:
    """The processes of this command; within the block only the first of them is heard.

    Raises:
        InputError: There are several that would do the same, or one that cannot split anything.
        PeersLostError: They do not find each other, or one went away.
    """
    from shadow_mlx.parallel.team import Team

    team = Team.gathered(parallel)
    if team.size > 1 and not team.splits:
        raise InputError(
            f"{team.size} processes were started, and one is enough to answer: start it without "
            "mlx.launch, or split the backbone between them with --parallel tensor"
        )
    if team.first:
        yield team
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield team


@contextmanager
def leading(engine: Engine) -> Iterator[None]:
    """Around what the first process asks; behind it the others may go.

    What breaks off in the middle of an answer tells them by itself: they lose the first one.
    """
    try:
        yield
    except ShadowMLXError as error:
        if not isinstance(error, PeersLostError):
            engine.dismiss()
        raise
    engine.dismiss()


def follow(engine: Engine) -> int:
    """Answer with the first process until it has no more to ask; returns the exit code."""
    from shadow_mlx.runs.events import StopToken

    stop = StopToken()

    def next_stop() -> StopToken:
        nonlocal stop
        stop = StopToken()
        return stop

    before = signal.signal(signal.SIGINT, lambda *_: stop.stop())
    try:
        engine.follow(next_stop)
    finally:
        signal.signal(signal.SIGINT, before)
    return 0
