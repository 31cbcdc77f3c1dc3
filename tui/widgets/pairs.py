"""Short words at the left, what is said of each beside it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from shadow_mlx.terminal import visible


def pairs(lines: Iterable[tuple[str, str]], style: str = "dim") -> Table:
    """A text of two columns, of which only the right one is broken into lines.

    Args:
        lines: A word, and what is said of it.
        style: Of the words.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=style, no_wrap=True)
    table.add_column(overflow="fold")
    for about, said in lines:
        table.add_row(about, Text(visible(said)))
    return table
