"""What is known of a run before it starts: whether model and data serve, and whether it fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.data.reading.sources import locate_here
from shadow_mlx.worker import messages as m
from tui.child import Child, ChildError
from tui.views import memory

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig


@dataclass(frozen=True)
class Judgement:
    """What is known of memory and data.

    Attributes:
        memory: The verdict on memory, its sign first; empty while there is none.
        fits: Whether nothing about the memory speaks against starting.
        data: What is wrong with the data, a line each.
        finished: Whether no more will be said.
    """

    memory: str = ""
    fits: bool = True
    data: tuple[str, ...] = ()
    finished: bool = False

    @property
    def trouble(self) -> tuple[str, ...]:
        """What speaks against starting, a line each."""
        memory = () if self.fits else (self.memory,)
        return (*memory, *(f"! Data: {problem}" for problem in self.data))


async def judge(child: Child, config: TrainConfig) -> AsyncIterator[Judgement]:
    """Ask the child, and tell what is known as it comes to be known."""
    found, failed = Judgement(), False
    try:
        async for reply in child.ask(m.Estimate(child.number(), config.to_mapping())):
            if isinstance(reply, m.Estimated):
                found = Judgement(memory.verdict(reply), reply.fit != "too large")
                yield found
    except ChildError as error:
        failed, found = True, Judgement(f"! {_first_line(error)}", fits=False)
    # Where answers are to be written, lines lack them; the run checks all else before it writes.
    problems = await data_problems(child, config) if config.answers == "given" else []
    found = replace(found, data=tuple(problems))
    if problems and failed:  # an estimate that failed did so for the same reason
        found = replace(found, memory="", fits=True)
    yield replace(found, finished=True)


async def tried(child: Child, config: TrainConfig) -> float:
    """Seconds of one batch of the run, measured in the child; 0 where that cannot be told."""
    try:
        reply = await child.result(m.TryStep(child.number(), config.to_mapping()), m.StepTried)
    except ChildError:
        return 0.0
    return reply.batch_seconds


async def data_problems(child: Child, config: TrainConfig) -> list[str]:
    """What is wrong with the files that the run would read, a line each; none on the hub."""
    files = await asyncio.to_thread(locate_here, config.data or "")
    found = []
    for file in (files.train, files.valid) if files else ():
        if file is None:
            continue
        try:
            problem = await _problem(child, file, config.named())
        except ChildError as error:
            problem = _first_line(error)
        if problem:
            found.append(problem)
    return found


async def _problem(child: Child, file: Path, columns: dict[str, str]) -> str:
    first: m.ProblemView | None = None
    count = 0
    async for reply in child.ask(m.Check(child.number(), str(file), columns)):
        if isinstance(reply, m.Checked):
            first = first or next(iter(reply.problems), None)
            count = reply.problem_count
    if first is None:
        return ""
    place = f"{file.name}:{first.line}" if first.line else file.name
    others = f" ({count - 1:,} more; page 3 shows them)" if count > 1 else ""
    return f"{place}: found {first.found}, expected {first.expected}{others}"


def _first_line(error: ChildError) -> str:
    return (str(error).splitlines() or ["it cannot be told"])[0]
