"""Measure base, attached, detached and rivals on a test file: quality, speed, memory."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options, path_text
from shadow_mlx.cli.together import working_together
from shadow_mlx.config import CompareConfig
from shadow_mlx.errors import Interrupted
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.evaluation.results import Comparison
    from shadow_mlx.parallel.team import Team


OPTIONS = CompareConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    parser.add_argument("--json", action="store_true", help="all figures and answers on stdout")
    parser.add_argument(
        "--report",
        type=path_text,
        metavar="FILE.html",
        help="write figures, plots and every example as one HTML file that needs no network",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a comparison that was stopped: the answers beside its --report are kept",
    )
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Measure, then print the table and what each mode fixed and broke.

    Raises:
        Interrupted: After Ctrl-C, when what was measured by then is printed.
    """
    from shadow_mlx.files.writing import check_writable

    options = build_options(OPTIONS, args)
    if args.report is not None:
        check_writable(args.report)  # before a long measurement, not after it
    with working_together(options.parallel) as team:
        comparison = _measure(options, args.report, args.resume, team)
        if team.first:
            _show(args, comparison)
    if comparison.stopped:
        how = "the same command with --resume goes on"
        if args.report is None:
            how = "with --report, the answers are kept, and --resume goes on"
        raise Interrupted(f"stopped; what was measured by then stands above; {how}")
    return 0


def _show(args: argparse.Namespace, comparison: Comparison) -> None:
    """Print the comparison, and write its report."""
    from shadow_mlx.evaluation.report import write_report

    figures = comparison.to_mapping()
    try:  # neither a full disk nor a reader that left takes what the other would have got
        if args.report is not None:
            write_report(args.report, figures)
            print(f"report: {visible(args.report)}", file=sys.stderr)
    finally:
        if args.json:
            print_json(figures)
        else:
            print(visible(_table(figures)))
        sys.stdout.flush()


def _measure(options: CompareConfig, report: str | None, resume: bool, team: Team) -> Comparison:
    """Compare, with a progress bar on stderr and Ctrl-C as a request to stop.

    Raises:
        InputError: There is nothing to resume.
    """
    from tqdm import tqdm

    from shadow_mlx.cli.signals import stopping_on_signals
    from shadow_mlx.evaluation.answer_log import log_path
    from shadow_mlx.evaluation.measuring import measure
    from shadow_mlx.runs.events import StopToken

    stop = StopToken()
    bar = tqdm(total=1, file=sys.stderr, leave=False, disable=not sys.stderr.isatty())

    def on_step(what: str, done: int, total: int) -> None:
        bar.set_description(visible(what), refresh=False)
        bar.total, bar.n = total, done
        bar.refresh()

    with bar, stopping_on_signals(stop, "what is measured so far is shown", saving=False):
        answers = None if report is None else log_path(report)
        return measure(options, on_step, stop, answers=answers, resume=resume, team=team)


def _table(figures: Mapping[str, Any]) -> str:
    from shadow_mlx.evaluation.figures import (
        aligned,
        columns,
        heading,
        remarks,
        rows,
        sentences,
    )

    head = ("model", *(figure.title for figure in columns(figures)))
    lines = [heading(figures), *remarks(figures)]
    lines += ["", *aligned([head, *rows(figures)])]
    if figures["pairings"]:
        lines += ["", *sentences(figures)]
    return "\n".join(lines)
