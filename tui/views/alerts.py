"""What a person should be told of a running training, each with what can be done about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from shadow_mlx import words
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.deaths import Death, ending

STALL_SECONDS = 60.0
STALL_REPORTS = 5.0
"""A run is stalled when it says nothing for this many of its own reports' time."""

MEMORY_SHARE = 0.85
DISK_BYTES = 1 << 30


@dataclass(frozen=True)
class Alert:
    """One warning: what is the matter, and the way out."""

    level: Literal["warning", "error"]
    text: str
    action: str


def alerts(
    view: RunView, *, live: bool, now: float, memory_bytes: int, free_disk_bytes: int
) -> list[Alert]:
    """The alerts of this moment, the worst first.

    Args:
        view: The run.
        live: Whether its process is at work.
        now: Seconds since the epoch.
        memory_bytes: The machine's memory; 0 if unknown.
        free_disk_bytes: Free space where the run writes; -1 if unknown.
    """
    found: list[Alert] = []
    if view.ended is not None and view.ended.reason == "failed":
        message = view.ended.message or "the run failed"
        found.append(Alert("error", message, "t: train again with other settings"))
    elif view.trained is not None and not any(map(math.isfinite, view.trained.losses.values())):
        found.append(
            Alert("error", "the loss is no number any more", "s: stop, then t with a smaller rate")
        )
    if view.ended is not None or not live:
        return found
    if (quiet := _silence(view, now)) is not None:
        found.append(
            Alert("warning", f"no news for {quiet:.0f} s", "the process is alive; s stops it")
        )
    peak = view.trained.peak_memory_bytes if view.trained else 0
    if memory_bytes and peak > MEMORY_SHARE * memory_bytes:
        found.append(
            Alert(
                "warning",
                f"memory: {words.size(peak, 1)} of {words.size(memory_bytes, 1)}",
                "a smaller batch, --max-seq-length or --grad-checkpoint needs less",
            )
        )
    if 0 <= free_disk_bytes < DISK_BYTES:
        found.append(
            Alert("warning", f"only {words.size(free_disk_bytes)} of disk left", "free some space")
        )
    return found


def died(code: int | None, output: str, death: Death | None) -> Alert | None:
    """A run that is over without a word of its own in the record.

    Args:
        code: The process's exit code, if it was started here; below zero, the signal that ended it.
        output: The end of what it printed.
        death: What else is known.
    """
    if code is not None and code > 0:  # it said why, before its record began
        last = "\n".join(output.strip().splitlines()[-3:])
        return Alert("error", last or ending(code), "t: change the settings")
    return Alert("error", death.why, death.remedy) if death else None


def _silence(view: RunView, now: float) -> float | None:
    """Seconds since the last event, when they are too many for this run."""
    if view.phase == "paused" or not view.last_time:
        return None
    usual = 0.0
    if len(view.train) > 1 and view.trained and view.trained.steps_per_second > 0:
        gap = view.train.steps[-1] - view.train.steps[-2]
        usual = gap / view.trained.steps_per_second
    quiet = now - view.last_time
    return quiet if quiet > max(STALL_SECONDS, STALL_REPORTS * usual) else None
