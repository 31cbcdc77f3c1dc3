"""Filling a table anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text
from textual.widgets import DataTable


def fill(
    table: DataTable[Any], columns: Sequence[str], rows: Iterable[Sequence[str | Text]]
) -> None:
    """Put these rows in the place of what the table holds; text is shown as it is."""
    table.clear(columns=True)
    table.add_columns(*map(Text, columns))
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    # Textual measures new cells when the table is idle, and paints them anew only where that
    # changed the size of the whole: a paint in between would stay, its columns too narrow.
    table.call_after_refresh(table.refresh, layout=True)
