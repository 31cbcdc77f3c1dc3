"""A run's figures and notes as texts; pure functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from shadow_mlx import words
from shadow_mlx.machine import Business
from shadow_mlx.runs.curves import RunView
from shadow_mlx.terminal import visible
from shadow_mlx.words import counted
from tui.views.form import to_text
from tui.views.words import bar

Fact = tuple[str, str]
"""What it is, and its value."""

LONGEST_NAME = 13
LONGEST_LEFT = 10 * 365 * 86400
"""Seconds; nobody waits longer, and calendars end."""

MACHINE_BAR = 8

Difference = tuple[str, Any, Any]
"""Option, value of this run, value of the other one."""

KEPT_LINES = 20


def left_of(view: RunView, now: float) -> float | None:
    """Seconds until the run's end, as far as its last report knows; ``None`` where nothing does."""
    if view.trained is None or view.phase == "paused":
        return None
    left = view.trained.seconds_left - max(0.0, now - view.trained.time)
    return max(0.0, left) if left < LONGEST_LEFT else None


def ends_at(left: float, now: float) -> str:
    """When a run ends that has so many seconds left: ``17:42``, ``Sat 03:10`` on another day."""
    end, today = time.localtime(now + left), time.localtime(now)
    same = (end.tm_year, end.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M" if same else "%a %H:%M", end)


def elapsed(view: RunView, now: float, *, running: bool) -> float | None:
    """Seconds that the run took by now, or took altogether; ``None`` before it began."""
    if view.ended is not None:
        return view.ended.seconds
    if view.started is None:
        return None
    until = now if running else view.last_time
    return view.seconds_before + max(0.0, until - view.started.time)


def times(view: RunView, *, running: bool, now: float) -> list[Fact]:
    """How long it took and will take, by the clock too."""
    taken = elapsed(view, now, running=running)
    facts = [("elapsed", words.duration(taken))] if taken is not None else []
    left = left_of(view, now) if running else None
    if left is not None:
        facts += [("left", words.duration(left)), ("ends at", ends_at(left, now))]
    return facts


def facts_of(view: RunView) -> list[Fact]:
    """What the run saved, trains and reads."""
    trained, started, facts = view.trained, view.started, list[Fact]()
    if trained is not None:
        facts.append(("epoch", f"{trained.epoch:.2f}"))
    if view.saved_step is not None:
        facts.append(("saved", f"step {view.saved_step:,}"))
    if started is not None:
        facts += [
            ("trained", f"{words.number(started.trainable_parameters)} parameters"),
            ("data", f"{started.train_examples:,} + {started.valid_examples:,} examples"),
        ]
        if started.truncated_examples or started.dropped_examples:
            cut = f"{started.truncated_examples:,} cut, {started.dropped_examples:,} dropped"
            facts.append(("examples", cut))
    return facts


def measures(view: RunView) -> list[Fact]:
    """What the small charts show, as it was reported last."""
    trained = view.trained
    if trained is None:
        return []
    return [
        ("learning rate", f"{trained.learning_rate:.2e}"),
        ("gradient norm", f"{trained.gradient_norm:.3g}"),
        ("speed", f"{trained.tokens_per_second:,.0f} tokens/s"),
        ("memory", f"{words.size(trained.peak_memory_bytes)} peak"),
    ]


def machine_facts(now: Business) -> list[Fact]:
    """How busy the machine is, as far as it tells."""
    facts = []
    if now.memory and now.used is not None:
        share = now.used / now.memory
        held = f"{words.size(now.used, 1)} of {words.size(now.memory, 1)}"
        facts.append(("machine", f"{bar(share, MACHINE_BAR)} {held}"))
    if now.swap_space and now.swap is not None:
        facts.append(("swap", f"{words.size(now.swap, 1)} of {words.size(now.swap_space, 1)}"))
    if now.load is not None:
        of = f" on {counted(now.processors, 'processor')}" if now.processors else ""
        facts.append(("load", f"{now.load:.1f}{of}"))
    return facts


def in_lines(facts: Sequence[Fact], width: int) -> Text:
    """A line for each, the values at the right edge."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for name, value in facts:
        text.append(f"{name:<{LONGEST_NAME}} ", "dim")
        text.append(f"{value:>{max(0, width - LONGEST_NAME - 1)}}\n")
    return text[:-1] if facts else text


def in_a_row(facts: Sequence[Fact]) -> Text:
    """One after the other."""
    return Text(" · ".join(f"{name} {value}" for name, value in facts))


def _value(value: Any) -> str:
    return "default" if value is None else to_text(value)


def notes(view: RunView, differences: Mapping[str, Sequence[Difference]]) -> Text:
    """What the run remarked, and how its settings differ from those of other runs."""
    lines = [f"{'!' if note.level == 'warning' else '·'} {note.message}" for note in view.notes]
    if view.skipped:
        lines.append(f"! lines of the run's record that are no events: {view.skipped:,}, left out")
    for other, found in differences.items():
        parts = ", ".join(f"{name}: {_value(mine)} | {_value(ours)}" for name, mine, ours in found)
        lines.append(f"{other}: {parts or 'the same settings'}")
    return Text(visible("\n".join(lines[-KEPT_LINES:])))
