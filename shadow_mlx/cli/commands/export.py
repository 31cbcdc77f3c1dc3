"""Write the detached model as a plain folder, or the adapter as another package opens it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx import words
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, build_options
from shadow_mlx.config import ExportConfig
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.export.exporting import Exported
    from shadow_mlx.export.projected import ExportedShadow

OPTIONS = ExportConfig
_ADDED = "{} blocks of zeros were added: the architecture wants so many"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    add_config_file(parser)
    parser.add_argument("--json", action="store_true", help="what was written, as JSON on stdout")
    add_options(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Export, and say what was written; notes go to stderr."""
    from shadow_mlx.export.projected import ExportedShadow
    from shadow_mlx.jobs import export

    config = build_options(OPTIONS, args)
    found = export(config, on_step=lambda what: print(f"{what} …", file=sys.stderr))
    if isinstance(found, Path):
        figures, lines = {"folder": str(found)}, [f"{found}: the adapter, as {config.to} opens it"]
    elif isinstance(found, ExportedShadow):
        figures, lines = found.to_mapping(), _lines_of_shadow(found)
    else:
        figures, lines = found.to_mapping(), _lines(found)
    if args.json:
        print_json({"to": config.to, **figures})
    else:
        print(visible("\n".join(lines)))
    return 0


def _lines_of_shadow(found: ExportedShadow) -> list[str]:
    narrow, wide = found.widths
    lines = [
        f"{found.folder}: a shadow of width {narrow:,} for backbones of width {wide:,}, "
        f"{found.parameters:,} parameters, {words.size(found.bytes)} with the backbone's head",
        f"shadow-mlx train --shadow {found.folder} --data …",
        f"its logits against the detached model's: {found.apart:.1g} apart",
    ]
    if found.added_blocks:
        lines.append(_ADDED.format(found.added_blocks))
    return lines


def _lines(found: Exported) -> list[str]:
    kept, whole = found.tokens
    lines = [
        f"{found.folder}: {found.parameters:,} parameters, {words.size(found.bytes)}",
        f"mlx_lm.generate --model {found.folder} --prompt '…'",
    ]
    if kept != whole:
        lines.append(f"{kept:,} of {whole:,} tokens are kept")
    if found.added_blocks:
        lines.append(_ADDED.format(found.added_blocks))
    if found.apart is None:
        lines.append("quantized: its answers may differ from those of the detached model")
    else:
        lines.append(f"its logits against the detached model's: {found.apart:.1g} apart")
    if found.not_for_transformers:
        lines.append(f"not for transformers: {found.not_for_transformers}")
    return lines
