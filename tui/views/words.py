"""Figures and states in the words that people read; pure functions."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.text import Text

from shadow_mlx import words
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.listing import means
from shadow_mlx.terminal import visible
from tui.views import palette

SIGNS = {
    "running": "▶",
    "starting": "…",
    "done": "✔",
    "patience": "✔",
    "stopped": "■",
    "failed": "✘",
    "interrupted": "✘",
    "empty": "·",
}
PHASES = {
    "starting": "starting",
    "loading": "loading the model",
    "data": "reading the data",
    "compiling": "compiling the first step",
    "training": "training",
    "recording": "recording the teacher",
    "validating": "validating",
    "saving": "saving",
    "paused": "paused (p goes on)",
    "stop": "stopping after this step",
    "pause": "pausing after this step",
}


def short(value: float) -> str:
    """A number for an axis: four characters that matter."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e5 or size < 1e-3:
        return f"{value:.0e}"
    return f"{value:.0f}" if size >= 1000 else f"{value:.4g}" if size >= 1 else f"{value:.3f}"


def holds(text: str, wanted: str) -> bool:
    """Whether each of the words stands in a text, alone or in another word, in any case."""
    return all(word in text.casefold() for word in wanted.casefold().split())


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve in one row of block characters, its highest value the full block."""
    shown = means(values, width)
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    span = high - low
    return "".join("▁▂▃▄▅▆▇█"[int((mean - low) / span * 7) if span else 0] for mean in shown)


def bar(share: float, width: int) -> str:
    """A thin progress bar, readable without colour; what is little is seen too."""
    filled = max(round(max(0.0, min(1.0, share)) * width), int(share > 0))
    return "━" * filled + "╌" * (width - filled)


def headline(view: RunView, status: str, folder: Path, width: int, *, asked: str = "") -> Text:
    """Sign, state, folder, backbone and progress, in one line.

    ``asked`` is what the run was told to do and does not say yet: ``stop`` or ``pause``.
    """
    text = Text(no_wrap=True, overflow="ellipsis")
    phase = PHASES.get(asked or view.phase, view.phase)
    state = phase if status in ("running", "starting") else status
    text.append(f"{SIGNS.get(status, '·')} {state}", "bold")
    text.stylize(palette.OF_STATES.get(status, ""))
    if view.detail and status == "running":
        text.append(f" ({visible(view.detail)})")
    done = ""
    if view.total_steps:
        done = f" {view.step / view.total_steps:4.0%} {view.step:,}/{view.total_steps:,}"
    names = Text(f"  {visible(folder.name)}")
    if view.started is not None:
        names.append(f" · {visible(Path(view.started.backbone).name)}")
    names.truncate(max(width - text.cell_len - len(done), 0), overflow="ellipsis")
    text.append_text(names)
    if view.total_steps:
        left = width - text.cell_len - len(done) - 2
        drawn = f"  {bar(view.step / view.total_steps, min(left, 40))}" if left >= 8 else ""
        text.append(drawn, "" if status == "running" else "dim")
        text.append(done)
    return text


def summary(view: RunView, status: str, possible: Collection[str], width: int) -> str:
    """What a run left, and what to do next: in one line where there is room for it, else in two.

    Args:
        view: The run.
        status: Its state.
        possible: The actions that work now; no others are named.
        width: Cells of a line.
    """
    ended = view.ended
    if status == "empty":
        return ""
    parts = []
    if ended is not None:
        parts.append(f"{words.duration(ended.seconds)}, {words.counted(ended.step, 'step')}")
    if view.best_loss is not None:
        parts.append(f"best validation loss {short(view.best_loss)} at step {view.best_step}")
    if view.validated is not None:
        beside = view.validated.step == view.best_step
        at = "" if beside else f" at step {view.validated.step:,}"
        parts.append(f"detached {short(view.validated.shadow_loss)}{at}")
    said = " · ".join(parts)
    if status in ("done", "patience"):
        ways = {
            "chat": "c chat with it",
            "compare": "v see what detaching costs",
            "export": "e export it",
        }
    else:
        ways = {
            "resume": f"r goes on from step {view.saved_step or 0:,}",
            "chat": "c chats with what is saved",
        }
    named = [text for action, text in ways.items() if action in possible]
    if status in ("done", "patience") or not named:
        named.append("t train again")
    line = "  → ".join(filter(None, (said, ", ".join(named))))
    return line if len(line) <= width else line.replace("  → ", "\n→ ")
