"""A run's figures and notes as texts; pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from shadow_mlx import words
from shadow_mlx.runs.curves import RunView
from shadow_mlx.terminal import visible
from tui.views.form import to_text

Difference = tuple[str, Any, Any]
"""Option, value of this run, value of the other one."""

KEPT_LINES = 20


def figures(view: RunView, *, running: bool, wide: bool) -> Text:
    """Speed, memory, learning rate, time left, data: in lines, or one after the other."""
    trained, started = view.trained, view.started
    facts: list[tuple[str, str]] = []
    if trained is not None:
        facts += [
            ("speed", f"{trained.tokens_per_second:,.0f} tokens/s"),
            ("memory", f"{words.size(trained.peak_memory_bytes)} peak"),
            ("learning rate", f"{trained.learning_rate:.2e}"),
            ("gradient", f"{trained.gradient_norm:.3g}"),
            ("epoch", f"{trained.epoch:.2f}"),
        ]
        if running:
            facts.append(("left", words.duration(trained.seconds_left)))
    if view.saved_step is not None:
        facts.append(("saved", f"step {view.saved_step}"))
    if started is not None:
        facts += [
            ("trained", f"{words.number(started.trainable_parameters)} parameters"),
            ("data", f"{started.train_examples:,} + {started.valid_examples:,} examples"),
        ]
        if started.truncated_examples or started.dropped_examples:
            cut = f"{started.truncated_examples:,} cut, {started.dropped_examples:,} dropped"
            facts.append(("examples", cut))
    if wide:
        return Text("\n".join(f"{name:<14}{value}" for name, value in facts))
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
