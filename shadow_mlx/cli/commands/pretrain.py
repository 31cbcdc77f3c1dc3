"""Train a shadow to write by itself, before any task: by text, or by what a teacher would say."""

from __future__ import annotations

import argparse

from shadow_mlx.cli.commands import train
from shadow_mlx.cli.options import add_config_file, add_options
from shadow_mlx.config import TrainConfig

OPTIONS = TrainConfig

ADAPTER_PATH = "shadow"
"""Where the shadow is written, if nothing else is said: beside the adapters that start with it."""

OF_TASKS = ("objective", *TrainConfig.TASK_ONLY)
"""Options that are not asked for: the command is the objective."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: those of ``train``, without what only tasks have."""
    add_config_file(parser)
    train.add_run_flags(parser)
    add_options(parser, OPTIONS, skip=OF_TASKS)


def run(args: argparse.Namespace) -> int:
    """Pretrain; progress goes to stderr, figures to stdout.

    Raises:
        Interrupted: As ``train``.
    """
    args.objective = "pretrain"
    train.fill_in(args, {"adapter_path": ADAPTER_PATH})
    return train.run(args)
