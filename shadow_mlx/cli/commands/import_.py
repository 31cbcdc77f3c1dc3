"""Read an adapter that PEFT or shadow-peft wrote, and write it as one of ours."""

from __future__ import annotations

import argparse

from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.config import ImportConfig
from shadow_mlx.terminal import visible

OPTIONS = ImportConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Import, and say where the adapter lies."""
    from shadow_mlx.jobs import import_adapter

    folder = import_adapter(build_options(OPTIONS, args))
    print(visible(f"{folder}: try it with shadow-mlx chat --adapter-path {folder}"))
    return 0
