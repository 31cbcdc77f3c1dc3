"""A field of one line that loses nothing of what is typed or pasted, and completes paths."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from tui.views.finder import completions


class PathSuggester(Suggester):
    """What a path may become: the first folder, else the first file, that begins so."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)  # files come and go

    async def get_suggestion(self, value: str) -> str | None:
        """The whole path, shown behind what is typed; Right takes it."""
        found = await asyncio.to_thread(completions, value) if value else []
        return next(iter(found), None)


class Field(Input):
    """As Textual's, which takes only the first line of what is pasted.

    Args:
        value: The text to begin with.
        path: It takes a path, and completes it. A form's field does so where its option is of the
            kind ``path`` (:class:`~shadow_mlx.config.option.OptionInfo`).
        options: As Textual's.
    """

    def __init__(self, value: str = "", *, path: bool = False, **options: Any) -> None:
        super().__init__(value, **options)
        self.path = path

    def on_focus(self) -> None:
        """What a program puts in needs no completion: only one who writes does."""
        self.suggester = PathSuggester() if self.path else None

    def on_blur(self) -> None:
        """Nobody writes."""
        self.suggester = None

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.write(event.text)

    def write(self, text: str) -> None:
        """Put text in the place of what is selected; its lines are joined."""
        joined = " ".join(text.split("\n")).strip() if "\n" in text else text
        start, end = sorted(self.selection)
        self.replace(joined, start, end)
