"""Runs in a list: which ones there are, and what a line says of each.

Nothing here needs MLX. Files are read: an interface with an event loop calls it in a thread.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.deaths import death_of
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.labels import Labels, labels_of
from shadow_mlx.runs.live import is_live
from shadow_mlx.runs.record import EventReader

SPARK = 16
"""Values of a curve that a line of a list shows."""

DEPTH = 3
"""How deep below a folder runs are looked for."""

WIDEST = 200
"""How many folders in one folder are looked into."""

Status = Literal["running", "done", "stopped", "patience", "failed", "interrupted", "empty"]


@dataclass(frozen=True)
class RunSummary:
    """One run, for a list. ``losses`` are at most ``SPARK`` means of its curve.

    ``changed`` is when it last said something, in seconds since the epoch. ``train_loss`` is the
    last one of the tuned model, ``best_loss`` the lowest in validation. ``death`` says why a run is
    over that did not end by itself, and what to change; empty for any other. ``labels`` are what a
    person wrote on it.
    """

    folder: Path
    status: Status
    step: int
    total_steps: int
    train_loss: float | None
    best_loss: float | None
    losses: tuple[float, ...]
    backbone: str
    changed: float
    has_adapter: bool
    death: str
    labels: Labels


def status_of(view: RunView, live: bool) -> Status:
    """What to call the state of a run."""
    if live and view.ended is None:
        return "running"
    if view.ended is not None:
        return view.ended.reason
    return "interrupted" if view.version else "empty"


def summarise(folder: Path, reader: EventReader | None = None) -> RunSummary:
    """One run's line in a list; reads its record, or what is new to a reader of it."""
    view = (reader or EventReader(folder)).read_all()
    status = status_of(view, is_live(folder))
    death = death_of(folder, view) if status == "interrupted" else None
    losses = view.valid if len(view.valid) > 3 else view.train
    return RunSummary(
        folder=folder,
        status=status,
        step=view.step,
        total_steps=view.total_steps,
        train_loss=view.trained.loss if view.trained else None,
        best_loss=view.best_loss,
        losses=tuple(means(losses.values, SPARK)),
        backbone=view.started.backbone if view.started else "",
        changed=view.last_time or last_change(folder),
        has_adapter=RunFolder(folder).has_adapter,
        death=str(death or ""),
        labels=labels_of(folder),
    )


def means(values: Sequence[float], count: int) -> list[float]:
    """A curve as at most ``count`` means of stretches of equal length; gaps are passed over."""
    finite = [value for value in values if math.isfinite(value)]
    parts = min(count, len(finite))
    ends = [len(finite) * i // parts for i in range(parts + 1)] if parts else [0]
    return [sum(finite[start:end]) / (end - start) for start, end in itertools.pairwise(ends)]


def ago(seconds: float) -> str:
    """How long ago: ``just now``, ``5 min ago``, ``3 days ago``."""
    if seconds < 60:
        return "just now"
    for unit, length, most in (("min", 60, 60), ("h", 3600, 48), ("days", 86400, 10**9)):
        if seconds < length * most:
            return f"{int(seconds // length)} {unit} ago"
    return ""


def find_runs(known: Iterable[str], below: Path) -> list[Path]:
    """Folders of runs: those known, and those below a folder; most recently changed first."""
    found = {path for name in known if (path := _place(name)) is not None}
    found |= {path.resolve() for path in _search(below, DEPTH)}
    return sorted((p for p in found if RunFolder(p).exists), key=last_change, reverse=True)


def adapters_of_runs(known: Iterable[str], below: Path) -> list[str]:
    """The folders of those runs that have an adapter, in the same order."""
    return [str(run) for run in find_runs(known, below) if RunFolder(run).has_adapter]


def last_change(folder: Path) -> float:
    """When the run last said something, in seconds since the epoch; 0 when never."""
    run = RunFolder(folder)
    for path in (run.events, run.config):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _place(name: str) -> Path | None:
    """Where a remembered name leads; ``None`` for one that no folder has."""
    try:
        return Path(name).resolve()
    except (OSError, ValueError, RuntimeError):  # NUL, halves of characters, links in a circle
        return None


def _search(folder: Path, depth: int) -> Iterable[Path]:
    if RunFolder(folder).exists:
        yield folder
        return
    if depth == 0:
        return
    try:
        children = [e.path for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for child in map(Path, sorted(children)[:WIDEST]):
        if not child.name.startswith(".") and child.name != "node_modules":
            yield from _search(child, depth - 1)
