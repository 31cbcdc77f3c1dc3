"""A field of one line that loses nothing of what is typed or pasted, and completes paths."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any

from rich.text import Text
from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from tui.views.finder import completions


class PathSuggester(Suggester):
    """What a path may become: the first folder, else the first file, that begins so.

    Args:
        several: Paths stand there with spaces between them; the last one is completed. One that
            holds a space is found behind an opening quote, and ends with the closing one.
    """

    def __init__(self, *, several: bool = False) -> None:
        super().__init__(use_cache=False, case_sensitive=True)  # files come and go
        self._several = several

    async def get_suggestion(self, value: str) -> str | None:
        """All of it, shown behind what is typed; Right takes it."""
        others, quote, path = split_last(value) if self._several else ("", "", value)
        found = await asyncio.to_thread(completions, path) if path else []
        fitting = (one for one in found if not self._several or _stands(one, quote))
        return next((f"{others}{quote}{one}{quote}" for one in fitting), None)


def split_last(text: str) -> tuple[str, str, str]:
    """What stands before the last of several paths, the quote that is open in it, and the path."""
    start, quote = 0, ""
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == " ":
            start = i + 1
    if quote and not text.startswith(quote, start):  # it is open within a name
        return text, "", ""
    return text[:start], quote, text[start + len(quote) :]


def _stands(path: str, quote: str) -> bool:
    """Whether a path can stand behind this quote, or behind none."""
    try:
        return shlex.split(f"{quote}{path}{quote}") == [path]
    except ValueError:  # it has a quote of its own
        return False


class Field(Input):
    """As Textual's, which takes only the first line of what is pasted.

    Args:
        value: The text to begin with.
        path: It takes a path, and completes it. A form's field does so where its option is of the
            kind ``path`` (:class:`~shadow_mlx.config.option.OptionInfo`).
        several: It takes several of them.
        options: As Textual's.
    """

    def __init__(
        self, value: str = "", *, path: bool = False, several: bool = False, **options: Any
    ) -> None:
        super().__init__(value, **options)
        self.path, self._several = path, several
        self._meaning = self.placeholder

    def on_resize(self) -> None:
        """What stands in the empty field fits, or says that it goes on."""
        meaning = Text(self._meaning)
        meaning.truncate(self.content_size.width, overflow="ellipsis")
        self.placeholder = meaning.plain

    def on_focus(self) -> None:
        """What a program puts in needs no completion: only one who writes does."""
        self.suggester = PathSuggester(several=self._several) if self.path else None

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
