"""Go on with an adapter's shadow by itself, taught by the attached model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from shadow_mlx.cli.commands import pretrain, train
from shadow_mlx.cli.options import add_config_file, add_options, path_text
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.shadow import ShadowConfig

if TYPE_CHECKING:
    from shadow_mlx.cli.run_display import ProgressDisplay
    from shadow_mlx.runs.events import StopToken
    from shadow_mlx.training.reporting import RunSummary

OPTIONS = TrainConfig

BY_ADAPTER = ("adapter_path", "model", "shadow", "teacher", "shadow_start", "shadow_budget")
"""Options that the adapter itself answers, or that are asked under another name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: the adapter, the result, and those of ``pretrain``."""
    add_config_file(parser)
    train.add_run_flags(parser)
    parser.add_argument(
        "--adapter-path",
        dest="adapter",
        type=path_text,
        default="adapters",
        metavar="DIR",
        help="the adapter whose shadow learns, from its attached model (default: adapters)",
    )
    parser.add_argument(
        "--output",
        dest="adapter_path",
        type=path_text,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help=f"where the better shadow is written (default: {pretrain.ADAPTER_PATH})",
    )
    skip = {*pretrain.OF_TASKS, *BY_ADAPTER, *ShadowConfig.MIRROR_ONLY}
    add_options(parser, OPTIONS, skip=skip)


def run(args: argparse.Namespace) -> int:
    """Distil; progress goes to stderr, figures to stdout.

    Raises:
        CheckpointError: There is no adapter.
        Interrupted: As ``train``.
    """
    from pathlib import Path

    from shadow_mlx.runs.settings import data_settings_of

    args.objective = "pretrain"
    train.fill_in(args, {"adapter_path": pretrain.ADAPTER_PATH})
    if not args.resume:
        train.fill_in(args, {**data_settings_of(Path(args.adapter)), "distill_weight": 1.0})
        args.teacher = args.adapter
    return train.run(args, _distil)


def _distil(
    args: argparse.Namespace, config: TrainConfig, display: ProgressDisplay, stop: StopToken
) -> RunSummary:
    from shadow_mlx.checkpoints.peft import adapter_record
    from shadow_mlx.jobs import distill

    if not args.resume:
        adapter_record(args.adapter)  # before anything else: it must be one
    return distill(
        args.adapter,
        config,
        on_answer=display.answered,
        listener=display,
        stop=stop,
        resume=args.resume,
        overwrite=args.overwrite,
    )
