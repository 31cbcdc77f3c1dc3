"""List the runs in a folder and below it: what became of each, how far it is, and its losses.

With --name, --note or --mark, FOLDER is one run, which is labelled; the terminal UI shows that.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import path_text
from shadow_mlx.errors import InputError
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.runs.listing import RunSummary

HEAD = ("run", "status", "steps", "loss", "best valid", "changed", "backbone")
LABELS = ("mark", "name", "note")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "folder", nargs="?", default=".", type=path_text, metavar="FOLDER", help="default: this one"
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON on stdout")
    parser.add_argument("--name", metavar="TEXT", help="name the run in FOLDER ('': no name)")
    parser.add_argument("--note", metavar="TEXT", help="keep a note with it ('': none)")
    parser.add_argument(
        "--mark", action=argparse.BooleanOptionalAction, default=None, help="mark it with a star"
    )


def run(args: argparse.Namespace) -> int:
    """Print the runs, the one that changed last first.

    Raises:
        InputError: There is no such folder, or no run in it that could be labelled.
        SurroundingsError: A label cannot be written.
    """
    from shadow_mlx.runs.labels import relabel
    from shadow_mlx.runs.listing import DEPTH, find_runs, summarise

    folder = Path(args.folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    if (args.name, args.note, args.mark) != (None, None, None):
        relabel(folder, name=args.name, note=args.note, marked=args.mark)
    found = [summarise(one) for one in find_runs((), folder)]
    if args.json:
        print_json({"runs": [figures(one) for one in found]})
    elif found:
        print(visible("\n".join([_table(found), *_deaths(found)])))
    else:
        print(f"no runs in {visible(str(folder))} or up to {DEPTH} folders below it")
    return 0


def figures(one: RunSummary) -> dict[str, Any]:
    """What is known of a run, as plain values."""
    values = dataclasses.asdict(one)
    del values["losses"]  # a curve to draw
    values |= values.pop("labels")
    age = max(0, round(time.time() - values.pop("changed")))
    return {**values, "folder": str(one.folder), "age_seconds": age}


def _table(found: Sequence[RunSummary]) -> str:
    """The runs in columns; those for what people wrote on them are there where somebody did."""
    rows = [(*HEAD, *LABELS), *map(_row, found)]
    columns = [column for column in zip(*rows, strict=True) if column[0] in HEAD or any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(f"{cell:<{n}}" for cell, n in zip(row, widths, strict=True))
        for row in zip(*columns, strict=True)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _deaths(found: Sequence[RunSummary]) -> list[str]:
    """Below the table: why runs are over that did not end by themselves."""
    from shadow_mlx.config.paths import from_here

    told = [f"{from_here(str(one.folder))}: {one.death}" for one in found if one.death]
    return ["", *told] if told else []


def _row(one: RunSummary) -> tuple[str, ...]:
    from shadow_mlx.config.paths import from_here
    from shadow_mlx.runs.listing import ago

    return (
        from_here(str(one.folder)),
        one.status,
        f"{one.step:,}/{one.total_steps:,}" if one.total_steps else "–",
        *("–" if loss is None else f"{loss:.4g}" for loss in (one.train_loss, one.best_loss)),
        ago(time.time() - one.changed),
        one.backbone or "–",
        "★" if one.labels.marked else "",
        one.labels.name,
        one.labels.note,
    )
