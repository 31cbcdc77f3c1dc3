"""The actions of ``shadow-mlx data`` that write files: convert, split, sample, shuffle."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from shadow_mlx import words
from shadow_mlx.cli.bars import BarDisplay
from shadow_mlx.cli.json_output import print_json
from shadow_mlx.cli.options import add_config_file, add_options, path_text
from shadow_mlx.config import (
    ColumnConfig,
    ConvertConfig,
    SampleConfig,
    ShuffleConfig,
    SplitConfig,
)
from shadow_mlx.config.option import flag_name
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.data.converting.convert import Converted
    from shadow_mlx.data.converting.parts import Parts

ACTIONS: dict[str, tuple[type[ColumnConfig], str, str]] = {
    "convert": (
        ConvertConfig,
        "CSV, TSV, Parquet, a JSON array, plain text or Markdown",
        "write a table, a JSON array or a document as JSON Lines beside it",
    ),
    "split": (
        SplitConfig,
        "JSON Lines",
        "write a folder of train.jsonl, valid.jsonl and test.jsonl that have nothing in common",
    ),
    "sample": (SampleConfig, "JSON Lines", "write some of its examples, drawn at random"),
    "shuffle": (ShuffleConfig, "JSON Lines", "write its examples in a random order"),
}
"""The options of each action, what it is given, and what it does."""


def add_making(actions: Any) -> None:
    """Declare the actions and their flags."""
    for name, (options, given, summary) in ACTIONS.items():
        whole = f"{summary[0].upper()}{summary[1:]}; the source stays as it is."
        parser = actions.add_parser(name, help=summary, description=whole)
        parser.add_argument("data", type=path_text, metavar="FILE", help=given)
        parser.add_argument("--json", action="store_true", help="what was written, as JSON")
        add_config_file(parser)
        add_options(parser, options)


def make(action: str, data: str, options: Any, as_json: bool) -> int:
    """Write the files, and say which."""
    from shadow_mlx.data.converting.convert import convert
    from shadow_mlx.data.converting.parts import sample, shuffle, split

    if action == "convert":
        with _Shares(data) as told:
            made = convert(data, options, told)
        figures, lines = _converted(made, options)
    else:
        makers: dict[str, Callable[[str, Any], Parts]]
        makers = {"split": split, "sample": sample, "shuffle": shuffle}
        parts = makers[action](data, options)
        figures, lines = _parts(parts, options)
    if as_json:
        print_json({"action": action, **figures})
    else:
        print(visible("\n".join(lines)))
    return 0


def _converted(made: Converted, options: ConvertConfig) -> tuple[dict[str, Any], list[str]]:
    figures = {
        "path": str(made.path),
        "source": str(made.source),
        "kind": made.kind,
        "format": made.format,
        "examples": made.examples,
        "notes": list(made.notes),
    }
    listing = " --list-labels" if options.list_labels else ""
    count = words.counted(made.examples, "example")
    lines = [
        f"{made.path}: {count} ({made.format}) from {made.source}",
        *(f"note: {note}" for note in made.notes),
        f"shadow-mlx train --data {shlex.quote(str(made.path))}{listing}",
    ]
    return figures, lines


def _parts(made: Parts, options: ShuffleConfig) -> tuple[dict[str, Any], list[str]]:
    figures = {"path": str(made.path), "source": str(made.source), "examples": made.examples}
    counts = ", ".join(f"{name} {count:,}" for name, count in made.examples.items())
    if len(made.examples) == 1:
        counts = words.counted(next(iter(made.examples.values())), "example")
    named = " ".join(_flags(options))
    command = f"shadow-mlx train --data {shlex.quote(str(made.path))} {named}".rstrip()
    return figures, [f"{made.path}: {counts} from {made.source}", command]


def _flags(options: ShuffleConfig) -> list[str]:
    """The columns, which the lines still have: as flags."""
    flags: list[str] = []
    for name, value in options.named().items():
        flag = flag_name(ColumnConfig.__dataclass_fields__[name])
        flags += [flag] if value is True else [flag, shlex.quote(str(value))]
    return flags


class _Shares(BarDisplay):
    """How much of a file is read: a bar on a terminal, nothing anywhere else."""

    def __init__(self, name: str, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._name = name

    def __call__(self, share: float) -> None:
        if not self._on_terminal:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=visible(self._name),
                total=100,
                bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
                file=self._stream,
                dynamic_ncols=True,
                leave=False,
            )
        self._bar.n = 100 * share
        self._bar.refresh()
