"""The options of files that are made of data files: converted tables, splits, samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shadow_mlx.config.data import ColumnConfig
from shadow_mlx.config.option import option
from shadow_mlx.config.values import LARGEST_COUNT

Delimiter = Literal["auto", "comma", "semicolon", "tab", "pipe"]


@dataclass(frozen=True)
class ConvertConfig(ColumnConfig):
    """How a table, a JSON array or a document becomes JSON Lines."""

    output: str | None = option(
        None,
        kind="path",
        metavar="FILE",
        help="file to write (default: beside the source, with the ending .jsonl)",
    )
    encoding: str | None = option(
        None,
        group="data",
        metavar="ENCODING",
        help="encoding of a text file, such as cp1252 or latin-1 (default: as its byte-order mark "
        "says, else UTF-8)",
    )
    delimiter: Delimiter = option(
        "auto", group="data", help="what stands between the cells of a CSV table"
    )
    header: bool = option(
        True, group="data", help="the first row of a CSV table has the names of the columns"
    )
    quotes: bool = option(
        True, group="data", help="cells of a CSV table may stand in double quotes"
    )
    skip_bad_rows: bool = option(
        False, group="data", help="leave out rows that cannot be used, and count them"
    )
    max_characters: int = option(
        4000,
        group="data",
        minimum=100,
        maximum=LARGEST_COUNT,
        unit="characters",
        help="longest text that a document is split into, at headings and paragraphs",
    )

    def cross_checks(self) -> list[str]:
        """The encoding is one of texts."""
        problems = super().cross_checks()
        if self.encoding is not None and not _is_encoding(self.encoding):
            problems.append(
                f"--encoding {self.encoding[:40]!r}: no encoding of texts; expected one such as "
                "utf-8, utf-16, cp1252 or latin-1"
            )
        return problems


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except (LookupError, ValueError):  # unknown, none of texts, or no name at all
        return False
    return True


@dataclass(frozen=True)
class ShuffleConfig(ColumnConfig):
    """The lines of a file in another order, which the seed decides."""

    output: str | None = option(
        None,
        kind="path",
        metavar="PATH",
        help="what to write (default: beside the source, named after it)",
    )
    seed: int = option(
        0, minimum=0, maximum=2**32 - 1, help="seed of the order: the same seed, the same files"
    )


@dataclass(frozen=True)
class SampleConfig(ShuffleConfig):
    """Some lines of a file."""

    examples: int = option(
        100, group="data", minimum=1, maximum=LARGEST_COUNT, short="-n", help="examples to take"
    )


@dataclass(frozen=True)
class SplitConfig(ShuffleConfig):
    """A file as a folder of ``train.jsonl``, ``valid.jsonl`` and ``test.jsonl``."""

    valid_fraction: float = option(
        0.1,
        group="data",
        minimum=0.0,
        maximum=0.9,
        help="share of the different examples for valid.jsonl (0: none)",
    )
    test_fraction: float = option(
        0.1,
        group="data",
        minimum=0.0,
        maximum=0.9,
        help="share of the different examples for test.jsonl (0: none)",
    )

    def cross_checks(self) -> list[str]:
        """Something stays to be learnt, and something is set apart."""
        problems = super().cross_checks()
        apart = self.valid_fraction + self.test_fraction
        if apart > 0.9:
            problems.append(
                f"--valid-fraction and --test-fraction: {apart:g} together; at least 0.1 stays in "
                "train.jsonl"
            )
        if not apart:
            problems.append("--valid-fraction and --test-fraction: both 0; nothing to split")
        return problems
