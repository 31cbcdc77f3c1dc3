"""Measure base, attached and detached on a test file: quality, speed, memory, side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shadow_mlx.cli.options import add_options, build_options
from shadow_mlx.config import MODES, ColumnConfig

if TYPE_CHECKING:
    from shadow_mlx.evaluation.compare import Comparison, Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--data", required=True, metavar="FILE", help="chats or completions")
    parser.add_argument(
        "--adapter-path",
        action="append",
        metavar="DIR",
        help="an adapter folder; give it again to compare several (default: adapters)",
    )
    parser.add_argument("--model", metavar="PATH|HUB_ID", help="backbone, if not the adapter's own")
    parser.add_argument(
        "--modes", nargs="+", choices=MODES, default=list(MODES), help="what to measure"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N examples")
    parser.add_argument(
        "--max-tokens", type=int, default=256, metavar="N", help="longest answer (default: 256)"
    )
    parser.add_argument("--json", action="store_true", help="all figures and answers on stdout")
    add_options(parser, ColumnConfig)


def run(args: argparse.Namespace) -> int:
    """Measure, then print the table and what each mode fixed and broke."""
    columns = build_options(ColumnConfig, args)
    from tqdm import tqdm

    from shadow_mlx.evaluation.compare import compare

    bar = tqdm(total=1, file=sys.stderr, leave=False, disable=not sys.stderr.isatty())

    def on_step(what: str, done: int, total: int) -> None:
        bar.set_description(what, refresh=False)
        bar.total, bar.n = total, done
        bar.refresh()

    comparison = compare(
        args.data,
        args.adapter_path or ["adapters"],
        modes=args.modes,
        model=args.model,
        limit=args.limit,
        max_tokens=args.max_tokens,
        columns=columns,
        on_step=on_step,
    )
    bar.close()
    if args.json:
        print(json.dumps(comparison.to_mapping(), ensure_ascii=False, indent=2))
    else:
        print(_table(comparison))
    return 0


def _table(comparison: Comparison) -> str:
    rows = [_HEADER, *(_row(result) for result in comparison.results)]
    lines = [f"{len(comparison.questions)} questions of {comparison.data}", "", *_aligned(rows)]
    pairings = comparison.pairings()
    if pairings:
        lines.append("")
        lines += [
            f"{p.second} against {p.first}: {p.fixed} fixed, {p.regressed} regressed, "
            f"{p.both_right} right in both, {p.both_wrong} wrong in both"
            for p in pairings
        ]
    return "\n".join(lines)


_HEADER = (
    "model", "exact", "field F1", "loss", "perplexity", "decode tok/s", "prompt tok/s",
    "first token", "memory", "parameters",
)  # fmt: skip


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        f"{result.exact:.1%}",
        "–" if result.field_f1 is None else f"{result.field_f1:.1%}",
        f"{result.loss:.3f}",
        f"{result.perplexity:.3g}",
        f"{result.decode_tps:,.0f}",
        f"{result.prompt_tps:,.0f}",
        f"{1000 * result.first_token_seconds:,.0f} ms",
        f"{result.memory_bytes / 1e6:,.0f} MB",
        f"{result.parameters:,}",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
