"""Go on with an adapter's shadow by itself, taught by the attached model."""

from __future__ import annotations

import argparse
from typing import Any

from shadow_mlx.cli.commands import pretrain, train
from shadow_mlx.cli.options import add_config_file, add_options, path_text
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.shadow import ShadowConfig

OPTIONS = TrainConfig

OUTPUT = "shadow"
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
        default=OUTPUT,
        metavar="DIR",
        help=f"where the better shadow is written (default: {OUTPUT})",
    )
    skip = {*pretrain.OF_TASKS, *BY_ADAPTER, *ShadowConfig.MIRROR_ONLY}
    add_options(parser, OPTIONS, skip=skip)


def run(args: argparse.Namespace) -> int:
    """Distil; progress goes to stderr, figures to stdout.

    Raises:
        CheckpointError: There is no adapter.
        Interrupted: As ``train``.
    """
    args.objective = "pretrain"
    if not args.resume:
        from shadow_mlx.checkpoints.peft import adapter_record

        adapter_record(args.adapter)  # before anything else: it must be one
        args.shadow = args.teacher = args.adapter
        train.fill_in(args, {**_data_of(args.adapter), "distill_weight": 1.0})
    return train.run(args)


def _data_of(adapter: str) -> dict[str, Any]:
    """How the adapter's own run read its data: what is not said anew is as it was there."""
    from pathlib import Path

    from shadow_mlx.config import EncodingConfig
    from shadow_mlx.runs.settings import settings_of

    settings = settings_of(Path(adapter))
    if settings is None:
        return {}
    return {"data": settings.data, **settings.part(EncodingConfig).to_mapping()}
