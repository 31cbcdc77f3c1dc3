"""Say how much memory a training run takes, by part, before anything is loaded."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from shadow_mlx import words
from shadow_mlx.cli.commands.train import run_options
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError

if TYPE_CHECKING:
    from shadow_mlx.memory.estimate import MemoryEstimate
    from shadow_mlx.memory.report import MemoryReport
    from shadow_mlx.memory.verdict import Suggestion

EXPLAINED = {
    "weights": "the frozen backbone",
    "adapter": "the shadow that is trained",
    "gradients": "of the shadow",
    "optimizer": "what the optimizer remembers",
    "activations": "kept from the forward pass, and worked with",
    "logits": "scored at once",
}


OPTIONS = TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: those of a run."""
    add_config_file(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, in bytes")
    parser.add_argument(
        "--machines",
        type=_count,
        default=1,
        metavar="N",
        help="how many the backbone is split over, with --parallel tensor; the figures are of each",
    )
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Estimate, then print the parts, the verdict and, where it helps, other settings.

    Raises:
        ConfigError: The backbone is to be split, over nobody knows how many.
    """
    from shadow_mlx.jobs import estimate

    config = run_options(args)
    if config.parallel == "tensor" and args.machines == 1:
        raise ConfigError("--parallel tensor: say how many machines there are, as --machines 2")
    report = estimate(config, machines=args.machines)
    for note in report.notes:
        print(note, file=sys.stderr)
    if args.json:
        print_json(_figures(report))
        return 0
    print(_table(report.estimate))
    print(report.verdict.sentence, flush=True)  # the advice takes longer
    if advice := report.advice():
        print(_advice(advice))
    return 0


def _count(text: str) -> int:
    """A number of machines."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return number


def _figures(report: MemoryReport) -> dict[str, Any]:
    return {
        "model": report.config.model,
        "estimate": dataclasses.asdict(report.estimate),
        "verdict": dataclasses.asdict(report.verdict),
        "suggestions": [dataclasses.asdict(one) for one in report.advice()],
        "notes": report.notes,
    }


def _table(found: MemoryEstimate) -> str:
    rows = [(name, words.size(getattr(found, name), 1), what) for name, what in EXPLAINED.items()]
    rows.append(("peak", words.size(found.peak, 1), "all of these at the same time"))
    rows.append(
        ("cache", words.size(found.cache, 1), "beside it, given back when memory gets short")
    )
    batch = found.batch
    head = f"{batch.rows} × {batch.width:,} tokens a batch, {batch.trained:,} of them trained"
    if found.machines > 1:
        head += f"; on each of {found.machines} machines:"
    lines = [f"  {name:<11}  {size:>9}  {what}" for name, size, what in rows]
    return "\n".join([head, *lines, ""])


def _advice(found: list[Suggestion]) -> str:
    best = any(one.fit != "too large" for one in found)
    head = "What would make it fit:" if best else "Even with all of these it does not fit:"
    lines = [f"  {one.text:<52}  {words.size(one.peak, 1):>9}" for one in found]
    return "\n".join([head, *lines])
