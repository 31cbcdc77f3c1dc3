"""Serve one backbone and its adapters over HTTP, as OpenAI's clients expect it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING

from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.config import ServeConfig
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from shadow_mlx.serving.http import Server

OPTIONS = ServeConfig
LOOK_SECONDS = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    add_options(parser, OPTIONS)
    parser.add_argument(
        "--json",
        action="store_true",
        help="tell on stdout, as lines of JSON, where it listens and each second what it counts; "
        "it ends when nobody reads them any more",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes. The first lets what was asked be answered, the second not."""
    config = build_options(OPTIONS, args)

    from shadow_mlx.serving.running import serving

    asked_to_end = False  # no Event: the handler would wait for the lock that its wait() holds

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked_to_end
        if asked_to_end:
            raise KeyboardInterrupt
        asked_to_end = True

    with serving(config) as server:
        before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            look = _told(server, as_json=args.json)
            while not asked_to_end:
                time.sleep(LOOK_SECONDS)
                look()
            print("ending: what was asked is answered (once more: at once)", file=sys.stderr)
            server.service.scheduler.close()
            while not server.service.scheduler.join(LOOK_SECONDS):
                look()
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
    return 0


def _told(server: Server, *, as_json: bool) -> Callable[[], None]:
    """Say where it listens, to a person or to a program; what is to be called now and then."""
    if as_json:
        from shadow_mlx.serving.reports import Reporter

        return Reporter(server, sys.stdout).look
    names = ", ".join(server.service.catalogue.names)
    print(f"serving {visible(names)}", file=sys.stderr)
    print(f"at {server.url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
    return lambda: None
