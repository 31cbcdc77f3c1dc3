"""What stands beside the list about the run that is chosen in it: pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.text import Text

from shadow_mlx import words
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.paths import from_here
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.listing import RunSummary
from shadow_mlx.terminal import visible
from shadow_mlx.words import counted
from tui.views.command import flags
from tui.views.run_list import name_of, place_of
from tui.views.words import SIGNS, short

Lines = list[tuple[str, str]]
"""What each line is about, and what it says."""

PARTS = 3
"""Parts of a long path that are shown, from its end."""

LONGEST_SAMPLE = 240
"""Characters of a text of an example that are shown."""

TOLD_APART = ("model", "data", "adapter_path", "iters", "epochs", "batch_size")
"""Options that have a line of their own, or none: the run's length is told in steps."""


def title(run: RunSummary) -> Text:
    """Name and state, the folder where it has another name, and the note."""
    text = Text()
    if run.labels.marked:
        text.append("★ ", "bold")
    text.append(visible(name_of(run)), "bold")
    text.append(f"  {SIGNS[run.status]} {run.status}")
    if run.labels.name:
        text.append(f"\n{visible(place_of(run))}", "dim")
    if run.labels.note:
        text.append(f"\n“{visible(run.labels.note)}”", "italic")
    return text


def facts(run: RunSummary, view: RunView, config: TrainConfig | None) -> Lines:
    """What was learnt from, how long, with which options that are not the default, to what end."""
    lines = [("model", run.backbone or "–")]
    if config is not None:
        lines.append(("data", _end_of(from_here(config.data or "–"))))
    if run.total_steps:
        each = f" of {config.batch_size:,}" if config is not None else ""
        lines.append(("length", f"{run.step:,} of {counted(run.total_steps, 'step')}{each}"))
    if config is not None and (changed := flags(config, TOLD_APART)):
        lines.append(("options", shlex.join(changed)))
    if result := _result(view):
        lines.append(("result", result))
    if view.ended is not None:
        lines.append(("took", words.duration(view.ended.seconds)))
    if view.trained is not None:
        peak = words.size(view.trained.peak_memory_bytes)
        speed = view.trained.tokens_per_second
        lines.append(("speed", f"{speed:,.0f} tokens/s, {peak} at most"))
    return lines


def sample(view: RunView) -> Lines:
    """The first example that was answered last, with what is expected; right and wrong marked."""
    if not view.samples:
        return []
    one = view.samples[-1][0]
    return [
        (f"asked @{one.step:,}", _cut(one.prompt)),
        ("expected", _cut(one.expected)),
        *(
            (f"{'✔' if said.strip() == one.expected.strip() else '✘'} {who}", _cut(said))
            for who, said in (("attached", one.attached), ("detached", one.detached))
        ),
    ]


def following(run: RunSummary, view: RunView, possible: Sequence[str]) -> str:
    """What can be done next, with the list's keys.

    Args:
        run: The run.
        view: Its record.
        possible: The actions that work on it now.
    """
    if run.death:
        return run.death
    ways = {
        "chat": "c chats with it",
        "compare": "v measures what detaching costs",
        "export": "e takes its model out",
    }
    named = ["Enter opens it"]
    if run.status in ("stopped", "failed", "interrupted") and view.saved_step is not None:
        named[0] += f", where r goes on from step {view.saved_step:,}"
    elif run.status == "running":
        named[0] += " live, where s stops and saves"
    named += [text for action, text in ways.items() if action in possible]
    return " · ".join(named)


def _result(view: RunView) -> str:
    parts = []
    if view.best_loss is not None:
        parts.append(f"best validation loss {short(view.best_loss)} at step {view.best_step:,}")
    if view.validated is not None:
        parts.append(f"detached {short(view.validated.shadow_loss)}")
    return ", ".join(parts)


def _end_of(path: str) -> str:
    """As much of a path as tells it from others."""
    parts = path.split("/")
    return path if len(parts) <= PARTS + 1 else f"…/{'/'.join(parts[-PARTS:])}"


def _cut(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_SAMPLE else f"{joined[:LONGEST_SAMPLE]}…"
