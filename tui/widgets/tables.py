"""Filling a table anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text
from textual.widgets import DataTable


def fill(
    table: DataTable[Any],
    columns: Sequence[str | Text],
    rows: Iterable[Sequence[str | Text]],
    keys: Sequence[str] = (),
) -> None:
    """Put these rows in the place of what the table holds; text is shown as it is.

    With ``keys``, which name what the rows stand for, the cursor stays on what it was on, wherever
    that is now.
    """
    here = chosen(table)
    at = table.cursor_row
    table.clear(columns=True)
    table.add_columns(*map(_text, columns))
    for i, row in enumerate(rows):
        table.add_row(*map(_text, row), key=keys[i] if keys else None)
    if keys:
        table.move_cursor(row=keys.index(here) if here in keys else at)
    # Textual measures new cells when the table is idle, and paints them anew only where that
    # changed the size of the whole: a paint in between would stay, its columns too narrow.
    table.call_after_refresh(table.refresh, layout=True)


def numeric(cells: Sequence[str | Text]) -> list[Text]:
    """A name and the numbers beside it, which stand at the right edges of their columns."""
    first, *others = map(_text, cells)
    for one in others:
        one.justify = "right"
    return [first, *others]


def _text(cell: str | Text) -> Text:
    return Text(cell) if isinstance(cell, str) else cell


def chosen(table: DataTable[Any]) -> str | None:
    """The key of the row under the cursor."""
    if not table.is_valid_row_index(table.cursor_row):
        return None
    return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
