"""The line that says which curve is which, with their last values: as much as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.style import Style
from rich.text import Text

from tui.views.loss_curves import TRAIN

GAP = "  "
BEST = "★ best"


@dataclass(frozen=True)
class Entry:
    """A curve: whether of training or validation, its mark and name, its value as text."""

    kind: str
    name: str
    value: str
    style: Style


def legend(lead: Text, entries: Sequence[Entry], best: Text, width: int) -> Text:
    """One line of at most ``width`` cells.

    Where not all of it fits, the losses of training are left out, which validation says better,
    then the names of their curves, whose colours are those of validation, and then the best one,
    of which the run's summary tells.

    Args:
        lead: What stands before the curves.
        entries: The curves.
        best: The sign of the best checkpoint, what it means, and its figures.
        width: Cells.
    """
    sign = best[: len(BEST)]
    text = Text()
    ways = [(_whole, best), (_valueless, best), (_mark, best), (_mark, sign), (_mark, Text())]
    for shorter, last in ways:
        shown = [shorter(one) if one.kind == TRAIN else one for one in entries]
        text = _written(lead, shown, last)
        if text.cell_len <= width:
            break
    text.truncate(width, overflow="ellipsis")
    return text


def _whole(entry: Entry) -> Entry:
    return entry


def _valueless(entry: Entry) -> Entry:
    return replace(entry, value="")


def _mark(entry: Entry) -> Entry:
    return replace(entry, name=entry.name[:1], value="")


def _written(lead: Text, entries: Sequence[Entry], best: Text) -> Text:
    text, kind = lead.copy(), ""
    text.no_wrap = True
    for entry in entries:
        if entry.kind != kind:
            kind = entry.kind
            text.append(f"{kind} " if kind else "")
        text.append(entry.name, entry.style)
        text.append(f" {entry.value}{GAP}" if entry.value else GAP)
    text.append_text(best)
    text.rstrip()
    return text
