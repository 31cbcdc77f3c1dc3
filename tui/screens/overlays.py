"""Other runs that are laid over one: their curves, and how their settings differ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from shadow_mlx.runs.record import EventReader
from shadow_mlx.runs.settings import settings_of
from shadow_mlx.terminal import visible
from tui.views.run_facts import Difference
from tui.widgets.chart import Overlay


async def read(others: Sequence[Path]) -> tuple[Overlay, ...]:
    """The validation losses of these runs, or the training losses of those that have none."""
    found = []
    for other in others:
        view = await asyncio.to_thread(EventReader(other).read_all)
        series = view.valid if len(view.valid) else view.train
        found.append(Overlay(visible(other.name), series))
    return tuple(found)


def differences(folder: Path, others: Sequence[Path]) -> dict[str, list[Difference]]:
    """How the settings of other runs differ from those of the one in ``folder``, by their names."""
    mine = settings_of(folder) if others else None
    found = {}
    for other in others:
        theirs = settings_of(other)
        if mine is not None and theirs is not None:
            found[other.name] = mine.differing(theirs, ignoring=("adapter_path",))
    return found
