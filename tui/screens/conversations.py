"""The list of the conversations that are kept: type to find, Enter goes on with one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.listing import ago
from shadow_mlx.terminal import visible
from shadow_mlx.words import counted
from tui.screens.base import ui_of
from tui.screens.dialogs import Choice, Dialog
from tui.shelf import Kept, Shelf
from tui.widgets.field import Field
from tui.widgets.finder import Finder

TITLE = 40
"""Characters of a first question that stand in the list."""

ASKED = "Go on with which conversation? Type to find one, or give a file's path."
KEYS = "Enter goes on with it · ctrl+d deletes it · ctrl+z undoes that · Escape leaves all as it is"


class ConversationsDialog(Dialog[str]):
    """Gives the name of a kept conversation, or a path as it was typed.

    Args:
        shelf: Where they are kept.
    """

    DEFAULT_CSS = """
    ConversationsDialog .keys { color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "delete", "Delete", priority=True),
        Binding("ctrl+z", "put_back", "Undo", priority=True),
    ]

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self._shelf = shelf
        self._known: dict[str, Kept] = {}

    def compose(self) -> ComposeResult:
        """The field above what it finds, and the keys below."""
        with Vertical(classes="dialog"):
            yield Static(ASKED, markup=False)
            yield Finder()
            yield Static(KEYS, classes="keys", markup=False)

    async def on_mount(self) -> None:
        """All of them, newest first."""
        self.query_one(Field).focus()
        await self._fill()

    async def _fill(self) -> None:
        kept = await asyncio.to_thread(self._shelf.listed)
        self._known = titled(kept)
        now = time.time()
        notes = {title: note(one, now) for title, one in self._known.items()}
        self.query_one(Finder).offer(notes)

    def on_finder_chosen(self, event: Finder.Chosen) -> None:
        """One that is kept, else a file."""
        known = self._known.get(event.name)
        self.dismiss(known.name if known else event.name)

    @work(exclusive=True)
    async def action_delete(self) -> None:
        """Remove the one that is marked, after a question."""
        one = self._known.get(self.query_one(Finder).marked)
        if one is None:
            ui_of(self).tell("No conversation is marked.")
            return
        question = f"Delete the conversation “{visible(one.title[:TITLE])}”? ctrl+z undoes it."
        if await self.app.push_screen_wait(Choice(question, [("delete", "y", "Delete it")])):
            await self._change(lambda: self._shelf.remove(one.name))

    @work(exclusive=True)
    async def action_put_back(self) -> None:
        """Undo the last removal."""
        if not await self._change(self._shelf.put_back):
            ui_of(self).tell("Nothing was deleted since the start.")

    async def _change(self, change: Callable[[], Any]) -> Any:
        try:
            result = await asyncio.to_thread(change)
        except ShadowMLXError as error:
            ui_of(self).tell(str(error), "error")
            return True
        await self._fill()
        return result


def titled(kept: Sequence[Kept]) -> dict[str, Kept]:
    """Each by a title of its own: the first question, with a number where another has it too."""
    found: dict[str, Kept] = {}
    for one in kept:
        short = one.title[:TITLE] + "…" * (len(one.title) > TITLE)
        title, number = short, 1
        while title in found:
            number += 1
            title = f"{short} ({number})"
        found[title] = one
    return found


def note(one: Kept, now: float) -> str:
    """How long it is, who answered last, and when."""
    parts = (counted(one.questions, "question"), visible(one.who), ago(now - one.changed))
    return " · ".join(filter(None, parts))
