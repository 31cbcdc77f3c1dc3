"""The terminal UI: pick data, train, chat, and see what detaching costs."""

from __future__ import annotations

import argparse
import importlib
import sys

from shadow_mlx.errors import SurroundingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags: there are none."""


def run(args: argparse.Namespace) -> int:
    """Show the UI until the person leaves it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SurroundingsError("the UI needs a terminal; the other commands do without")
    # By name: the UI stands on this package, never the reverse.
    code: int = importlib.import_module("tui.app").main()
    return code
