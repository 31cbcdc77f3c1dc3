"""Fine-tune a model with a shadow on your own data; the backbone stays frozen."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx import words
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options, config_file_options
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from shadow_mlx.cli.run_display import ProgressDisplay
    from shadow_mlx.runs.events import StopToken
    from shadow_mlx.training.reporting import RunSummary

    Job = Callable[[argparse.Namespace, TrainConfig, ProgressDisplay, StopToken], RunSummary]

OPTIONS = TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    add_run_flags(parser)
    add_options(parser, OPTIONS)


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Declare what is asked of a run and is no option of it."""
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --adapter-path, exactly"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="give up the run or adapter in --adapter-path"
    )
    parser.add_argument("--json", action="store_true", help="print the run's figures as JSON")


def run(args: argparse.Namespace, job: Job | None = None) -> int:
    """Train; progress goes to stderr, figures to stdout.

    Args:
        args: The parsed command line.
        job: What is done with the options, if it is more than training.

    Raises:
        Interrupted: After Ctrl-C, SIGTERM or SIGHUP: the state is saved, or nothing had begun.
    """
    from shadow_mlx.cli.signals import stopping_on_signals
    from shadow_mlx.macos import kept_awake, relax_watchdog
    from shadow_mlx.runs.events import StopToken

    relax_watchdog(os.environ)  # before anything uses Metal
    stop = StopToken(attended=False)  # the job attends to it from its first step on
    try:
        with stopping_on_signals(stop), kept_awake():
            summary = _train(args, stop, job or _job)
    except KeyboardInterrupt:
        raise Interrupted("interrupted before the first step; nothing was changed") from None
    if _first_process():
        if args.json:
            print_json(summary.figures())
        _say_how_it_ended(summary)
    if summary.reason == "stopped":
        raise Interrupted(_how_to_resume(summary))
    return 0


def _train(args: argparse.Namespace, stop: StopToken, job: Job) -> RunSummary:
    if args.resume:
        fill_in(args, _saved_options(args))
        config = build_options(OPTIONS, args)
    else:
        config = run_options(args)

    from shadow_mlx.cli.run_display import ProgressDisplay

    with ProgressDisplay() as display:
        return job(args, config, display, stop)


def _job(
    args: argparse.Namespace, config: TrainConfig, display: ProgressDisplay, stop: StopToken
) -> RunSummary:
    from shadow_mlx.jobs import train

    return train(
        config,
        display,
        stop,
        on_answer=display.answered,
        resume=args.resume,
        overwrite=args.overwrite,
    )


def run_options(args: argparse.Namespace) -> TrainConfig:
    """The options of a run that begins; the adapter that it starts from gives the shape."""
    config = build_options(OPTIONS, args)
    if not config.init_adapter:
        return config
    fill_in(args, _adapter_options(config.init_adapter))
    return build_options(OPTIONS, args)


def fill_in(args: argparse.Namespace, values: dict[str, Any]) -> None:
    """Give ``args`` the values that neither a flag nor the ``-c`` file gives."""
    given = config_file_options(TrainConfig, args.config) if args.config else {}
    given.update(vars(args))
    for pair in ({"iters", "epochs"},):  # one of them given replaces the other
        if pair & given.keys():
            values = {name: value for name, value in values.items() if name not in pair}
    for name, value in values.items():
        if name not in given:
            setattr(args, name, value)


def _saved_options(args: argparse.Namespace) -> dict[str, Any]:
    from shadow_mlx.runs.folder import RunFolder
    from shadow_mlx.training.starting import load_config

    folder = RunFolder(Path(build_options(OPTIONS, args).adapter_path))
    return {**load_config(folder).to_mapping(), "adapter_path": str(folder.path)}


def _adapter_options(adapter: str) -> dict[str, Any]:
    """The shadow's shape, as the adapter to start from has it."""
    from shadow_mlx.checkpoints.peft import adapter_record
    from shadow_mlx.training.model import FREE_AT_START

    own = adapter_record(adapter).config.to_mapping()
    return {name: value for name, value in own.items() if name not in FREE_AT_START}


def _first_process() -> bool:
    import mlx.core as mx

    return bool(mx.distributed.init().rank() == 0)


def _say_how_it_ended(summary: RunSummary) -> None:
    from shadow_mlx.runs.losses import in_words

    if summary.reason == "stopped":
        return
    why = " (no better validation for a while)" if summary.reason == "patience" else ""
    best = ""
    losses = {name: loss for name, loss in summary.best_losses.items() if loss is not None}
    if losses:
        best = (
            f"; the adapter is that of step {summary.best_step}, validation loss {in_words(losses)}"
        )
    folder = summary.adapter_path
    ways = [
        f"adapter: {folder}",
        f"try it:  shadow-mlx chat --adapter-path {folder} [--detached]",
    ]
    if summary.objective == "pretrain":
        ways = [
            f"shadow:  {folder}",
            f"try it:  shadow-mlx chat --adapter-path {folder} --detached",
            f"use it:  shadow-mlx train --shadow {folder} --data FILE",
        ]
    done = f"done{why}: {summary.step} steps in {words.clock(summary.seconds)}{best}"
    print("\n".join([done, *ways]), file=sys.stderr)


def _how_to_resume(summary: RunSummary) -> str:
    if not summary.step:
        kept = "nothing was trained yet"
    elif summary.saved_step == summary.step:
        kept = "the state is saved"
    elif summary.saved_step:
        kept = f"that of step {summary.saved_step} is saved"
    else:
        kept = "nothing is saved"
    return (
        f"stopped after step {summary.step} of {summary.total_steps}; {kept}. Go on "
        f"with: shadow-mlx train --resume --adapter-path {summary.adapter_path}"
    )
