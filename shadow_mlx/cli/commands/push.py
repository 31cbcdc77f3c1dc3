"""Upload an adapter or an exported model, with its card, to the Hugging Face hub."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from shadow_mlx import words
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.cli.uploads import UploadDisplay
from shadow_mlx.config import PushConfig
from shadow_mlx.terminal import visible

OPTIONS = PushConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    parser.add_argument("--json", action="store_true", help="what is uploaded, as JSON on stdout")
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Upload, or list; notes go to stderr."""
    from shadow_mlx.jobs import push

    with UploadDisplay() as display:
        found = push(build_options(OPTIONS, args), on_sent=display)
    for note in found.notes:
        print(visible(f"note: {note}"), file=sys.stderr)
    if args.json:
        print_json(dataclasses.asdict(found))
        return 0
    width = max(map(len, found.files))
    lines = [f"  {name:<{width}}  {words.file_size(n):>10}" for name, n in found.files.items()]
    head = f"would be uploaded to {found.repo} ({found.kind}):"
    if found.address is not None:
        head = f"{found.address} ({found.kind}):"
    print(visible("\n".join([head, *lines])))
    return 0
